/** Small things that are done with octets everywhere. */

import {createHash} from 'node:crypto';

/** @typedef {Uint8Array} Octets */

/** @param {Octets} octets @returns {string} lower-case hexadecimal digits */
export function hex(octets) {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('hex');
}

/** @param {Octets} a @param {Octets} b */
export function same(a, b) {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** @param {Octets} octets @param {string} [algorithm] a digest that Node knows @returns {string} in hexadecimal */
export function digest(octets, algorithm = 'sha256') {
  return createHash(algorithm).update(octets).digest('hex');
}

/** @param {string} text base64 as RFC 4648 section 4 has it, padded, unused bits zero @returns {Octets | null} */
export function fromBase64(text) {
  const octets = Buffer.from(text, 'base64');
  return octets.toString('base64') === text ? octets : null;
}
