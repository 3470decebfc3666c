/** A voucher as its octets say it (section 3): read, not yet judged. */

import * as oids from '../oids.js';
import {VOUCHER_OCTETS} from '../limits.js';
import {digest, hex} from '../octets.js';
import {Unreadable} from '../refusal.js';
import {readSigned} from './signed.js';
import {
  BOOLEAN,
  ENUMERATED,
  INTEGER,
  OCTET_STRING,
  OID,
  PRINTABLE_STRING,
  SECONDS,
  explicit,
  integer,
  octets,
  optional,
  readAs,
  sequence,
  sequenceOf,
  such,
} from '../codec/types.js';

/** @typedef {import('../octets.js').Octets} Octets */
/**
 * @typedef {object} Evidence
 * @property {string} certificateHash
 * @property {'ocsp' | 'crl' | 'shortLived'} method
 * @property {number} thisUpdate in seconds since 1970-01-01 UTC, as all times
 * @property {number} nextUpdate
 * @property {string | undefined} evidenceHash
 */
/**
 * @typedef {object} Voucher hashes and identifiers in hexadecimal
 * @property {string} hash O6
 * @property {string} authority
 * @property {string} certificateHash
 * @property {string[]} intermediateHashes
 * @property {Octets[]} addresses
 * @property {number} probedPort
 * @property {number} thisUpdate
 * @property {number} nextUpdate
 * @property {string[]} trustContexts
 * @property {boolean} intermediatesMatched
 * @property {number} perspectives
 * @property {Evidence[]} evidence
 * @property {Map<string, Octets>} responses the OCSP responses that it encloses, by their hash
 * @property {Octets | null} ownStatus the response about its authority
 * @property {import('./signed.js').Signed} signed
 */

const HASH = such(octets(32), () => true, '', hex);
const CONTEXT = such(PRINTABLE_STRING, (text) => /^[A-Z0-9-]{1,32}$/.test(text), 'a context of other characters (O12)');
const METHODS = /** @type {const} */ (['ocsp', 'crl', 'shortLived']);
const METHOD = such(
  ENUMERATED,
  (number) => number >= 0n && number <= 2n,
  'a method that there is not',
  (number) => METHODS[Number(number)],
);

const EVIDENCE = such(
  sequence({
    certificateHash: HASH,
    method: METHOD,
    thisUpdate: SECONDS,
    nextUpdate: SECONDS,
    evidenceHash: optional(HASH),
  }),
  (one) => (one.evidenceHash === undefined) === (one.method === 'shortLived') && one.nextUpdate > one.thisUpdate,
  'evidence with a hash where none belongs, without one, or that ends before it begins (E2)',
);
const EXTENSIONS = such(
  sequenceOf(sequence({oid: OID, critical: BOOLEAN, value: OCTET_STRING}), 1, 16),
  (list) => new Set(list.map(({oid}) => oid)).size === list.length && !list.some(({critical}) => critical),
  'an extension that occurs twice, or that is critical and unknown (O14)',
);
const distinct = (/** @type {any} */ type, /** @type {(one: any) => string} */ text) =>
  such(type, (list) => new Set(list.map(text)).size === list.length, 'a list that names one thing twice');
const itself = (/** @type {string} */ one) => one;

const INFO = sequence({
  version: integer(1, 1),
  authority: such(octets(8), () => true, '', hex),
  serialNumber: such(INTEGER, (number) => number >= 1n && number < 1n << 128n, 'a serial number out of range (O8)'),
  certificateHash: HASH,
  intermediateHashes: distinct(sequenceOf(HASH, 0, 8), itself),
  addresses: distinct(sequenceOf(such(octets(4, 16), isPlain, 'an IPv4-mapped address (I5)'), 1, 16), hex),
  probedPort: integer(1, 1023),
  thisUpdate: SECONDS,
  nextUpdate: SECONDS,
  trustContexts: distinct(sequenceOf(CONTEXT, 0, 32), itself),
  intermediatesMatched: BOOLEAN,
  perspectives: integer(1, 255),
  evidence: sequenceOf(EVIDENCE, 1, 9),
  extensions: optional(explicit(0, EXTENSIONS)),
});

/** @param {Octets} address */
function isPlain(address) {
  return !(address.length === 16 && hex(address).startsWith('00000000000000000000ffff'));
}

/**
 * Reads a voucher (V1).
 * @param {Octets} raw @returns {Voucher} @throws {Unreadable} it breaks O1 to O14, E1, E2, E5 or I6
 */
export function readVoucher(raw) {
  if (raw.length > VOUCHER_OCTETS)
    throw new Unreadable(`${raw.length} octets, expected ${VOUCHER_OCTETS} at most (O5)`);
  const signed = readSigned(raw, oids.VOUCHER_INFO, true);
  const info = readAs(INFO, signed.content);
  if (info.nextUpdate <= info.thisUpdate) throw new Unreadable('nextUpdate is not after thisUpdate (O11)');
  inChainOrder(info);
  const responses = new Map(signed.responses.map((response) => [digest(response), response]));
  const named = new Set(
    info.evidence
      .filter((/** @type {Evidence} */ one) => one.method === 'ocsp')
      .map((/** @type {Evidence} */ one) => one.evidenceHash),
  );
  const own = [...responses].filter(([hash]) => !named.has(hash));
  if (own.length > 1) throw new Unreadable('two OCSP responses that no entry names (O4)');
  return {...info, hash: digest(signed.content), responses, ownStatus: own.length ? own[0][1] : null, signed};
}

/** E1, E5. @param {any} info */
function inChainOrder({certificateHash, intermediateHashes, evidence}) {
  const chain = [certificateHash, ...intermediateHashes];
  const about = evidence.map((/** @type {Evidence} */ one) => one.certificateHash);
  if (chain.join() !== about.join()) throw new Unreadable('evidence is not of the chain, in its order (E1)');
  if (evidence.slice(1).some((/** @type {Evidence} */ one) => one.method === 'shortLived'))
    throw new Unreadable('an intermediate that is shortLived (E5)');
}
