/** What the octets of a primitive value may be in DER (X.690 sections 8 and 11), by its universal type. */

import {hex} from '../octets.js';
import {Unreadable} from '../refusal.js';

/** @typedef {import('../octets.js').Octets} Octets */

const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?]*$/;
const IA5 = /^[\x00-\x7f]*$/;

/** @param {Octets} octets @param {string} encoding @returns {string} @throws {Unreadable} */
function decoded(octets, encoding) {
  try {
    return new TextDecoder(encoding, {fatal: true, ignoreBOM: true}).decode(octets);
  } catch {
    throw new Unreadable(`a text that is no ${encoding}`);
  }
}

/** @param {Octets} octets UTF-32, the most significant octet first @returns {string} */
function utf32(octets) {
  let text = '';
  if (octets.length % 4) throw new Unreadable('a UniversalString of a length that is no multiple of 4');
  for (let at = 0; at < octets.length; at += 4) {
    const point = ((octets[at] << 24) | (octets[at + 1] << 16) | (octets[at + 2] << 8) | octets[at + 3]) >>> 0;
    if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) throw new Unreadable('a text that is no UTF-32');
    text += String.fromCodePoint(point);
  }
  return text;
}

/** @param {RegExp} pattern @param {string} name */
function of(pattern, name) {
  return (/** @type {Octets} */ octets) => {
    const text = Buffer.from(octets).toString('latin1');
    if (!pattern.test(text)) throw new Unreadable(`a ${name} with other characters`);
    return text;
  };
}

/** @param {Octets} octets @returns {string} */
export const utf8 = (octets) => decoded(octets, 'utf-8');

/**
 * Texts by their universal tag number: each gives the string. Of other texts than these nothing is asked but that they are
 * UTF-8 (12.5). @type {Record<number, (octets: Octets) => string>}
 */
export const TEXTS = {
  12: utf8,
  19: of(PRINTABLE, 'PrintableString'),
  22: of(IA5, 'IA5String'),
  28: utf32,
  30: (octets) => {
    if (octets.length % 2) throw new Unreadable('a BMPString of an odd length');
    return decoded(Buffer.from(octets).swap16(), 'utf-16le');
  },
};

/** @param {Octets} octets @returns {boolean} */
export function boolean(octets) {
  if (octets.length !== 1 || (octets[0] !== 0 && octets[0] !== 255)) throw new Unreadable('a BOOLEAN that is not DER');
  return octets[0] === 255;
}

/** @param {Octets} octets @returns {bigint} */
export function integer(octets) {
  const [first, second] = octets;
  if (
    octets.length === 0 ||
    (octets.length > 1 && ((first === 0 && second < 128) || (first === 255 && second >= 128)))
  ) {
    throw new Unreadable('an INTEGER that is not DER');
  }
  const magnitude = BigInt(`0x${Buffer.from(octets).toString('hex')}`);
  return first < 128 ? magnitude : magnitude - (1n << BigInt(8 * octets.length));
}

/** @param {Octets} octets @returns {{bits: Octets, unused: number}} */
export function bitString(octets) {
  const unused = octets[0];
  const bits = octets.subarray(1);
  if (octets.length === 0 || unused > 7 || (unused && bits.length === 0)) throw new Unreadable('a broken BIT STRING');
  if (unused && bits[bits.length - 1] & ((1 << unused) - 1)) throw new Unreadable('a BIT STRING with unused bits set');
  return {bits, unused};
}

const LONGEST_ARC = 19; // octets, of a UUID below 2.25; what is longer is nobody's that is known here, and dear to write in decimals

/** @param {Octets} octets @returns {string} in dotted decimals, or in hexadecimal where an arc is very long */
export function oid(octets) {
  if (octets.length === 0 || octets[octets.length - 1] >= 128) throw new Unreadable('a cut OBJECT IDENTIFIER');
  const ends = [-1, ...octets.keys()].filter((at) => at < 0 || octets[at] < 128);
  const parts = ends.slice(1).map((end, at) => octets.subarray(ends[at] + 1, end + 1));
  if (parts.some(([first]) => first === 128)) throw new Unreadable('an OBJECT IDENTIFIER that is not DER');
  if (parts.some(({length}) => length > LONGEST_ARC)) return `0x${hex(octets)}`;
  const arcs = parts.map((part) => part.reduce((sum, octet) => (sum << 7n) | BigInt(octet & 127), 0n));
  const top = arcs[0] < 80n ? arcs[0] / 40n : 2n;
  return [top, arcs[0] - 40n * top, ...arcs.slice(1)].join('.');
}

/**
 * @typedef {{seconds: number, utc: boolean, fraction: boolean}} Time seconds since 1970-01-01 UTC; `utc`: it was written
 *   as UTCTime; `fraction`: parts of a second follow, which are left out
 */

/** @param {Octets} octets @returns {Time} */
export function utcTime(octets) {
  const text = Buffer.from(octets).toString('latin1');
  if (!/^[0-9]{12}Z$/.test(text)) throw new Unreadable('a UTCTime that is not DER');
  const century = Number(text.slice(0, 2)) >= 50 ? '19' : '20';
  return {seconds: moment(century + text), utc: true, fraction: false};
}

/** @param {Octets} octets @returns {Time} */
export function generalizedTime(octets) {
  const text = Buffer.from(octets).toString('latin1');
  const found = /^([0-9]{14})(\.[0-9]*[1-9])?Z$/.exec(text);
  if (!found) throw new Unreadable('a GeneralizedTime that is not DER');
  return {seconds: moment(found[1]), utc: false, fraction: found[2] !== undefined};
}

/** @param {string} text begins with YYYYMMDDHHMMSS */
function moment(text) {
  const seconds = momentOf(text.replace(/^(....)(..)(..)(..)(..)(..).*/, '$1-$2-$3T$4:$5:$6Z'));
  if (seconds === null) throw new Unreadable(`no moment that there is: ${text.slice(0, 14)}`);
  return seconds;
}

/**
 * @param {string} text as RFC 3339, in UTC with `Z`, without fraction
 * @returns {number | null} null: there is no such moment
 */
export function momentOf(text) {
  const date = new Date(text);
  if (text.startsWith('0000') || Number.isNaN(date.getTime()) || date.toISOString().replace('.000', '') !== text)
    return null;
  return date.getTime() / 1000;
}
