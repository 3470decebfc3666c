/** Whether a directory is taken: section 12.4. */

import * as oids from '../oids.js';
import {DIRECTORY_OCTETS, SKEW} from '../limits.js';
import {digest} from '../octets.js';
import {Refusal, Unreadable, readingAs} from '../refusal.js';
import {readSigned} from '../objects/signed.js';
import {readDocument} from '../objects/directory.js';
import {ofK3} from '../pki/keys.js';

/** @typedef {import('../octets.js').Octets} Octets */
/** @typedef {import('../objects/directory.js').Directory} Directory */
/**
 * What a reader stores durably between directories; keys are SPKI hashes, all in hexadecimal.
 * @typedef {object} Record
 * @property {string[]} firstPins those that it had when it last accepted a directory
 * @property {string[]} pins
 * @property {{[context: string]: {sequence: number, content: string}}} highest the content is a hash
 * @property {{[context: string]: string}} last hash of the octets that were accepted last
 */

/**
 * Accepts a directory, or refuses it.
 * @param {Record | null} record null: none was ever accepted
 * @param {Octets} octets
 * @param {number} now in seconds
 * @param {string[]} firstPins SPKI hashes of the keys that came with the software or from its operator
 * @returns {{directory: Directory, record: Record}} the record to store before the directory is used
 * @throws {Refusal}
 */
export function acceptDirectory(record, octets, now, firstPins) {
  const before =
    record && sameKeys(record.firstPins, firstPins)
      ? record
      : {firstPins, pins: firstPins, highest: record?.highest ?? {}, last: {}};
  const hash = digest(octets);
  const again = Object.values(before.last).includes(hash);
  const signed = readingAs('malformed', 'D1', () => readEnvelope(octets));
  const {key} = signed.certificate;
  if (!again && !before.pins.includes(key.hash))
    throw new Refusal('directory-untrusted', 'D2', `signed by ${key.hash}, which is not pinned`);
  if (!ofK3(key)) throw new Refusal('malformed', 'D1', 'the key of its signer is none of K3');
  const fault = signed.fault();
  if (fault) throw new Refusal('bad-signature', 'D2', fault);
  const directory = readingAs('malformed', 'D1', () => readDocument(signed.content));
  inItsTime(directory, now);
  inSequence(directory, digest(signed.content), before.highest[directory.context]);
  return {directory, record: again ? before : after(before, directory, digest(signed.content), hash)};
}

/** @param {Octets} octets */
function readEnvelope(octets) {
  if (octets.length > DIRECTORY_OCTETS)
    throw new Unreadable(`${octets.length} octets, expected ${DIRECTORY_OCTETS} at most`);
  return readSigned(octets, oids.DIRECTORY, false);
}

/** @param {string[]} some @param {string[]} others */
function sameKeys(some, others) {
  return [...new Set(some)].sort().join() === [...new Set(others)].sort().join();
}

/** D4: judged anew at each use. @param {Directory} directory @param {number} now in seconds @throws {Refusal} */
export function inItsTime({issued, expires}, now) {
  if (issued > now + SKEW) throw new Refusal('directory-not-yet-valid', 'D4', `issued ${issued - now} s from now`);
  if (now >= expires) throw new Refusal('directory-expired', 'D4', `ended ${now - expires} s ago`);
}

/**
 * D3.
 * @param {Directory} directory
 * @param {string} content
 * @param {{sequence: number, content: string} | undefined} highest
 */
function inSequence({sequence, context}, content, highest) {
  if (!highest) return;
  const seen = `sequence ${sequence} of ${context}, ${highest.sequence} was accepted`;
  if (sequence < highest.sequence) throw new Refusal('directory-rollback', 'D3', seen);
  if (sequence === highest.sequence && content !== highest.content)
    throw new Refusal('directory-equivocation', 'D3', `${seen} with other content`);
}

/**
 * @param {Record} before
 * @param {Directory} directory
 * @param {string} content
 * @param {string} hash
 * @returns {Record}
 */
function after({firstPins, pins, highest, last}, {context, sequence, publishers}, content, hash) {
  return {
    firstPins,
    pins: publishers.length ? publishers.map(({key}) => key.hash) : pins,
    highest: {...highest, [context]: {sequence, content}},
    last: {...last, [context]: hash},
  };
}
