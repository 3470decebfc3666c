/**
 * DER (X.690), one value at a time: a header is read, and what it holds only when somebody asks.
 *
 * A reader of everything at once would not do: what an enclosed OCSP response breaks has the code of its place (12.5), so
 * whoever reads the envelope must not look into it. `types.js` says what the octets of a leaf may be.
 */

import {Unreadable} from '../refusal.js';

/** @typedef {import('../octets.js').Octets} Octets */

const CLASSES = 'uacp'; // universal, application, context, private
const LENGTH_OCTETS = 4;

/** One value. `tag` is its class and number, such as `u16`; `raw` has its header, `content` has not. */
export class Value {
  /** @param {string} tag @param {boolean} constructed @param {Octets} raw @param {number} header octets of it */
  constructor(tag, constructed, raw, header) {
    this.tag = tag;
    this.constructed = constructed;
    this.raw = raw;
    this.content = raw.subarray(header);
  }

  /**
   * The values inside a constructed one.
   * @returns {Value[]}
   * @throws {Unreadable} it is primitive, or they are no DER
   */
  get children() {
    if (!this.constructed) throw new Unreadable(`a value of tag ${this.tag} in primitive form`);
    const found = [];
    for (let at = 0; at < this.content.length; at += found[found.length - 1].raw.length) {
      found.push(readFirst(this.content.subarray(at)));
    }
    return found;
  }
}

/** Reads one value that fills all octets. @param {Octets} octets @returns {Value} @throws {Unreadable} */
export function read(octets) {
  const value = readFirst(octets);
  if (value.raw.length !== octets.length)
    throw new Unreadable(`${octets.length - value.raw.length} octets follow the value`);
  return value;
}

/** @param {Octets} octets @returns {Value} */
function readFirst(octets) {
  const {number, at} = tagNumber(octets);
  const {length, begin} = contentLength(octets, at);
  if (length > octets.length - begin)
    throw new Unreadable(`a value of ${length} octets, ${octets.length - begin} are there`);
  const tag = `${CLASSES[octets[0] >> 6]}${number}`;
  return new Value(tag, (octets[0] & 0x20) !== 0, octets.subarray(0, begin + length), begin);
}

/** @param {Octets} octets */
function tagNumber(octets) {
  if (octets.length < 2) throw new Unreadable('a value is cut in its header');
  const low = octets[0] & 31;
  if (low < 31) return {number: low, at: 1};
  const number = octets[1] & 127;
  // Tags above 127 are in no structure that this package knows; one is no DER where it would have fitted below.
  if (octets[1] & 128 || number < 31) throw new Unreadable('a tag that is not DER, or above 127');
  return {number, at: 2};
}

/** @param {Octets} octets @param {number} at where the length begins */
function contentLength(octets, at) {
  const first = octets[at];
  if (first === undefined) throw new Unreadable('a value is cut in its header');
  if (first < 128) return {length: first, begin: at + 1};
  const count = first & 127;
  const begin = at + 1 + count;
  if (count < 1 || count > LENGTH_OCTETS || begin > octets.length)
    throw new Unreadable('a length that is indefinite, too long, or cut');
  const length = octets.subarray(at + 1, begin).reduce((sum, octet) => sum * 256 + octet, 0);
  if (octets[at + 1] === 0 || length < 128) throw new Unreadable('a length that is not DER');
  return {length, begin};
}

/**
 * Encodes one value: what this package writes is little (a VoucherRequest, the values that a signature is over).
 * @param {number} first the identifier octet @param {...Octets} contents
 * @returns {Octets}
 */
export function encode(first, ...contents) {
  const content = Buffer.concat(contents);
  return Buffer.concat([Uint8Array.from([first, ...lengthOctets(content.length)]), content]);
}

/** @param {number} length */
function lengthOctets(length) {
  if (length < 128) return [length];
  const octets = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return [128 + octets.length, ...octets];
}
