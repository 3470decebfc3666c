/**
 * The two TLS extensions (section 5), as a server reads `voucher_request` and a client the answer.
 *
 * What cannot be read is a `Refusal` whose code is the TLS alert.
 */

import {ANSWER_OCTETS} from '../limits.js';
import {hex} from '../octets.js';
import {Refusal} from '../refusal.js';

/** @typedef {import('../octets.js').Octets} Octets */

class Reader {
  /** @param {Octets} octets */
  constructor(octets) {
    this.octets = octets;
    this.at = 0;
  }

  get done() {
    return this.at === this.octets.length;
  }

  /** @param {number} count @returns {Octets} */
  take(count) {
    if (this.octets.length - this.at < count) throw decodeError('a length that reaches beyond the end');
    this.at += count;
    return this.octets.subarray(this.at - count, this.at);
  }

  /**
   * @param {number} size octets of the length in front
   * @param {number} least
   * @param {number} [most]
   * @returns {Octets}
   */
  vector(size, least, most = Infinity) {
    const length = this.take(size).reduce((sum, octet) => sum * 256 + octet, 0);
    if (length < least || length > most) throw decodeError(`a list of ${length} octets`);
    return this.take(length);
  }

  end() {
    if (!this.done) throw decodeError(`${this.octets.length - this.at} octets follow`);
  }
}

/** @param {string} detail */
function decodeError(detail) {
  return new Refusal('decode_error', 'T4', detail);
}

/** @param {Octets} octets @param {number} size of each @returns {string[]} in hexadecimal */
function pieces(octets, size) {
  if (octets.length % size) throw decodeError(`a list of ${octets.length} octets, of ${size} each`);
  return Array.from({length: octets.length / size}, (_, at) => hex(octets.subarray(at * size, (at + 1) * size)));
}

/**
 * Reads extension_data of the answer: the vouchers in their order.
 * @param {Octets} octets @returns {Octets[]} @throws {Refusal}
 */
export function readAnswer(octets) {
  if (octets.length > ANSWER_OCTETS + 2) throw new Refusal('decode_error', 'T7', `${octets.length} octets of answer`);
  const reader = new Reader(octets);
  const list = new Reader(reader.vector(2, 0, ANSWER_OCTETS));
  reader.end();
  const found = [];
  while (!list.done) found.push(list.vector(2, 1));
  return found;
}

/** @typedef {{quorum: number, candidates: string[], contexts: string[], cached: string[]}} Choice */

/**
 * Reads extension_data of `voucher_request`.
 * @param {Octets} octets @returns {Choice | null} null: not for this version of the protocol (T4) @throws {Refusal}
 */
export function readChoice(octets) {
  if (octets.length === 0 || octets[0] !== 1) return null;
  const reader = new Reader(octets.subarray(1));
  const [quorum] = reader.take(1);
  const candidates = pieces(reader.vector(1, 8, 128), 8);
  const contexts = contextsOf(reader.vector(1, 0));
  const cached = pieces(reader.vector(2, 0, 512), 32);
  reader.end();
  if (quorum < 1 || quorum > candidates.length) throw illegal(`a quorum of ${quorum} among ${candidates.length}`);
  if (new Set(candidates).size < candidates.length) throw illegal('a candidate twice');
  if (!contexts.every((text) => /^[A-Z0-9-]+$/.test(text))) throw illegal('a context of other characters (T5)');
  return {quorum, candidates, contexts, cached};
}

/** @param {string} detail */
function illegal(detail) {
  return new Refusal('illegal_parameter', 'T4', detail);
}

/** @param {Octets} octets @returns {string[]} */
function contextsOf(octets) {
  const list = new Reader(octets);
  const found = [];
  while (!list.done) found.push(Buffer.from(list.vector(1, 1, 32)).toString('latin1'));
  return found;
}
