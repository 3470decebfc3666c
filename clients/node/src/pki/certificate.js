/** X.509 certificates (RFC 5280) as 12.5 lets them be read, and what is asked of each wherever it is used. */

import * as oids from '../oids.js';
import {SERIAL_OCTETS} from '../limits.js';
import {digest, same} from '../octets.js';
import {Unreadable} from '../refusal.js';
import {
  BIT_STRING,
  GENERALIZED_TIME,
  INTEGER,
  UTC_TIME,
  choice,
  explicit,
  implicit,
  optional,
  readAs,
  sequence,
  withRaw,
} from '../codec/types.js';
import {SIGNATURE_ALGORITHM, schemeOf, verifies} from './algorithms.js';
import {EXTENSIONS, known} from './extensions.js';
import {KEY} from './keys.js';
import {NAME} from './names.js';

/** @typedef {import('../octets.js').Octets} Octets */
/**
 * @typedef {object} Certificate
 * @property {Octets} raw DER
 * @property {string} hash SHA-256 of it (I4), in hexadecimal
 * @property {number} version 1 or 3
 * @property {bigint} serial
 * @property {import('./names.js').Name} issuer
 * @property {import('./names.js').Name} subject
 * @property {import('../codec/leaves.js').Time} notBefore
 * @property {import('../codec/leaves.js').Time} notAfter
 * @property {import('./keys.js').Key} key
 * @property {Map<string, import('./extensions.js').Extension>} extensions
 * @property {Record<string, any>} says what the known extensions say, by object identifier
 * @property {{raw: Octets, inner: import('./algorithms.js').Algorithm, outer: import('./algorithms.js').Algorithm,
 *   bits: {bits: Octets, unused: number}}} signed what the signature is over, and how it was made
 */

const TIME = choice({utc: UTC_TIME, generalized: GENERALIZED_TIME});
const TBS = sequence({
  version: optional(explicit(0, INTEGER)),
  serial: INTEGER,
  signature: SIGNATURE_ALGORITHM,
  issuer: NAME,
  validity: sequence({notBefore: TIME, notAfter: TIME}),
  subject: NAME,
  key: KEY,
  issuerUid: optional(implicit(1, BIT_STRING)),
  subjectUid: optional(implicit(2, BIT_STRING)),
  extensions: optional(explicit(3, EXTENSIONS)),
});
const CERTIFICATE = sequence({tbs: withRaw(TBS), algorithm: SIGNATURE_ALGORITHM, signature: BIT_STRING});

const KEPT = 2048; // certificates that were read already: a directory's are met again and again
/** @type {Map<string, Certificate>} */
const read = new Map();

/** @param {Octets} raw @returns {Certificate} @throws {Unreadable} */
export function readCertificate(raw) {
  const hash = digest(raw);
  const before = read.get(hash);
  if (before) return before;
  const certificate = parsed(raw, hash);
  if (read.size >= KEPT) read.delete(/** @type {string} */ (read.keys().next().value));
  read.set(hash, certificate);
  return certificate;
}

/** @param {Octets} raw @param {string} hash @returns {Certificate} */
function parsed(raw, hash) {
  const {tbs, algorithm, signature} = readAs(CERTIFICATE, raw);
  const {version, extensions = new Map(), ...rest} = tbs.value;
  if (version !== undefined && version !== 2n)
    throw new Unreadable(`version ${version + 1n}, expected 3, or 1 unwritten`);
  return {
    raw,
    hash,
    version: version === undefined ? 1 : 3,
    serial: rest.serial,
    issuer: rest.issuer,
    subject: rest.subject,
    notBefore: rest.validity.notBefore.value,
    notAfter: rest.validity.notAfter.value,
    key: rest.key,
    extensions,
    says: known(extensions),
    signed: {raw: tbs.raw, inner: rest.signature, outer: algorithm, bits: signature},
  };
}

/**
 * Says whether the certificate is sound, wherever it stands (12.2, end entity, step 1).
 * @param {Certificate} certificate
 */
export function sound({version, serial, issuer, notBefore, notAfter}) {
  const octets = Math.floor(serial.toString(2).length / 8) + 1;
  return (
    version === 3 && serial >= 0n && octets <= SERIAL_OCTETS && !issuer.empty && [notBefore, notAfter].every(rightTime)
  );
}

const YEAR_2050 = Date.UTC(2050, 0) / 1000;

/** @param {import('../codec/leaves.js').Time} time */
function rightTime({seconds, utc, fraction}) {
  return utc === seconds < YEAR_2050 && !fraction;
}

/** @param {Certificate} certificate @param {number} now in seconds */
export function inItsTime({notBefore, notAfter}, now) {
  return notBefore.seconds <= now && now <= notAfter.seconds;
}

/**
 * Says whether `certificate` is issued by `issuer`: by name and by signature (12.2, issuer, step 1).
 * @param {Certificate} certificate
 * @param {Certificate} issuer
 */
export function issuedBy(certificate, issuer) {
  return same(certificate.issuer.raw, issuer.subject.raw) && signedBy(certificate, issuer.key);
}

/** @type {WeakMap<Certificate, Map<string, boolean>>} */
const judged = new WeakMap();

/** @param {Certificate} certificate @param {import('./keys.js').Key} key */
function signedBy(certificate, key) {
  const before = judged.get(certificate) ?? new Map();
  judged.set(certificate, before);
  if (!before.has(key.hash)) before.set(key.hash, holds(certificate, key));
  return before.get(key.hash);
}

/** @param {Certificate} certificate @param {import('./keys.js').Key} key */
function holds({signed: {raw, inner, outer, bits}}, key) {
  const scheme = schemeOf(outer);
  return same(inner.raw, outer.raw) && scheme !== null && !bits.unused && verifies(key, scheme, raw, bits.bits);
}

/**
 * Says whether it is a CA that may sign certificates, and says so critically (12.2, issuer, step 3).
 * @param {Certificate} certificate
 */
export function isAuthority({says, extensions}) {
  const marked = extensions.get(oids.BASIC_CONSTRAINTS)?.critical && says[oids.BASIC_CONSTRAINTS].ca;
  return Boolean(marked && says[oids.KEY_USAGE]?.has('keyCertSign'));
}

/** @param {Certificate} certificate @param {string[]} allowed object identifiers */
export function onlyCritical({extensions}, allowed) {
  return [...extensions.values()].every(({oid, critical}) => !critical || allowed.includes(oid));
}

/**
 * 12.2, issuer, step 7: an authority key identifier, if there is one, is not critical and has a keyIdentifier.
 * @param {Certificate} certificate
 */
export function plainKeyIdentifier({extensions, says}) {
  const extension = extensions.get(oids.AUTHORITY_KEY_IDENTIFIER);
  return !extension || (!extension.critical && says[oids.AUTHORITY_KEY_IDENTIFIER].keyIdentifier !== undefined);
}
