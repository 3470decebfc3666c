/**
 * JSON (RFC 8259), strictly, as rule D1 has it. JavaScript's own reader says whether it is JSON; momoa, which lets control
 * characters through, shows what that one hides: a member that occurs twice, and how a number was written.
 */

import {parse} from '@humanwhocodes/momoa';
import {Unreadable} from '../refusal.js';

/** @typedef {import('../octets.js').Octets} Octets */

/** What an integer with a fraction or an exponent becomes: no number, so that no schema takes it for an integer. */
const NOT_AN_INTEGER = null;

/**
 * Reads a document. A number that is written with fraction or exponent is null where its value is an integer.
 * @param {Octets} octets UTF-8, no byte order mark, no member twice @returns {any} @throws {Unreadable}
 */
export function readJson(octets) {
  try {
    const text = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(octets);
    JSON.parse(text);
    return valueOf(parse(text, {mode: 'json', ranges: true}).body, text);
  } catch (error) {
    throw new Unreadable(`no JSON as D1 has it: ${/** @type {Error} */ (error).message}`);
  }
}

/** @param {any} node @param {string} text @returns {any} */
function valueOf(node, text) {
  switch (node.type) {
    case 'Object':
      return objectOf(node, text);
    case 'Array':
      return node.elements.map((/** @type {any} */ element) => valueOf(element.value, text));
    case 'Number': {
      const plain = /^-?[0-9]+$/.test(text.slice(...node.range));
      return Number.isInteger(node.value) && !plain ? NOT_AN_INTEGER : node.value;
    }
    case 'Null':
      return null;
    default:
      return node.value;
  }
}

/** @param {any} node @param {string} text */
function objectOf(node, text) {
  const found = new Map(node.members.map((/** @type {any} */ {name, value}) => [name.value, valueOf(value, text)]));
  if (found.size < node.members.length) throw new Error('a member that occurs twice');
  return Object.fromEntries(found);
}
