/** OCSP responses (RFC 6960) about a certificate, by its issuer: section 12.6. */

import * as oids from '../oids.js';
import {OCSP_OCTETS, SKEW, STATUS_AGE} from '../limits.js';
import {digest, hex} from '../octets.js';
import {Unreadable} from '../refusal.js';
import {
  BIT_STRING,
  ENUMERATED,
  INTEGER,
  NULL,
  OCTET_STRING,
  OID,
  RAW,
  SECONDS,
  choice,
  explicit,
  implicit,
  optional,
  readAs,
  sequence,
  sequenceOf,
  withRaw,
} from '../codec/types.js';
import {ALGORITHM, SIGNATURE_ALGORITHM, schemeOf, verifies} from './algorithms.js';
import {inItsTime, isAuthority, issuedBy, onlyCritical, readCertificate, sound} from './certificate.js';
import {EXTENSIONS} from './extensions.js';
import {ofK3} from './keys.js';
import {NAME} from './names.js';

/** @typedef {import('../octets.js').Octets} Octets */
/** @typedef {import('./certificate.js').Certificate} Certificate */
/**
 * What a response says: `status` is `good`, `revoked`, `status-missing` (no valid response, or unknown) or
 * `status-stale`; `validity` is nextUpdate - thisUpdate of the answer in seconds, null without nextUpdate.
 * @typedef {{status: 'good' | 'revoked' | 'status-missing' | 'status-stale', validity: number | null, detail: string}} Status
 */

const ANSWER = sequence({
  id: sequence({hash: ALGORITHM, name: OCTET_STRING, key: OCTET_STRING, serial: INTEGER}),
  status: choice({
    good: implicit(0, NULL),
    revoked: implicit(1, sequence({time: SECONDS, reason: optional(explicit(0, ENUMERATED))})),
    unknown: implicit(2, NULL),
  }),
  thisUpdate: SECONDS,
  nextUpdate: optional(explicit(0, SECONDS)),
  extensions: optional(explicit(1, EXTENSIONS)),
});
const RESPONSE_DATA = sequence({
  responder: choice({name: explicit(1, NAME), key: explicit(2, OCTET_STRING)}),
  producedAt: SECONDS,
  answers: sequenceOf(ANSWER),
  extensions: optional(explicit(1, EXTENSIONS)),
});
const BASIC = sequence({
  data: withRaw(RESPONSE_DATA),
  algorithm: SIGNATURE_ALGORITHM,
  signature: BIT_STRING,
  certificates: optional(explicit(0, sequenceOf(RAW))),
});
const RESPONSE = sequence({
  status: ENUMERATED,
  bytes: optional(explicit(0, sequence({type: OID, response: OCTET_STRING}))),
});

/**
 * Judges a response about `certificate`, issued by `issuer`; `oldest` is how old it may be, in seconds.
 * @param {Octets} octets @param {Certificate} certificate @param {Certificate} issuer @param {number} now in seconds
 * @param {number} [oldest]
 * @returns {Status}
 */
export function judge(octets, certificate, issuer, now, oldest = STATUS_AGE) {
  const none = (/** @type {string} */ detail) => ({
    status: /** @type {const} */ ('status-missing'),
    validity: null,
    detail,
  });
  try {
    const answers = validAnswers(octets, certificate, issuer, now);
    if (typeof answers === 'string') return none(answers);
    return says(answers, now, oldest);
  } catch (error) {
    if (error instanceof Unreadable) return none(error.message);
    throw error;
  }
}

/**
 * Steps 1 to 6: the answers about the certificate, or why there are none.
 * @param {Octets} octets
 * @param {Certificate} certificate
 * @param {Certificate} issuer
 * @param {number} now
 */
function validAnswers(octets, certificate, issuer, now) {
  if (octets.length > OCSP_OCTETS) return `${octets.length} octets, expected ${OCSP_OCTETS} at most`;
  const {status, bytes} = readAs(RESPONSE, octets);
  if (status !== 0n || bytes?.type !== oids.OCSP_BASIC) return `responseStatus ${status}, or no basic response`;
  const basic = readAs(BASIC, bytes.response);
  const enclosed = (basic.certificates ?? []).map(readCertificate);
  const {value: data, raw} = basic.data;
  const critical = [data, ...data.answers]
    .flatMap(({extensions = new Map()}) => [...extensions.values()])
    .filter((one) => one.critical);
  if (critical.some(({oid}) => oid !== oids.OCSP_NONCE)) return 'a critical extension that is not known';
  const answers = data.answers.filter((/** @type {any} */ {id}) => isAbout(id, certificate, issuer));
  if (answers.length === 0) return 'no answer about the certificate';
  const responder = [issuer, ...enclosed].find((one) => isNamed(data.responder, one));
  if (!responder) return 'the responder is neither the issuer nor an enclosed certificate';
  const scheme = schemeOf(basic.algorithm);
  if (!scheme || !ofK3(responder.key) || basic.signature.unused) return 'a key or an algorithm outside K3';
  if (!verifies(responder.key, scheme, raw, basic.signature.bits)) return 'the signature does not hold';
  if (responder.hash !== issuer.hash && !isDelegate(responder, issuer, now))
    return 'its signer is no delegate of the issuer';
  return answers;
}

const CERT_ID_HASHES = /** @type {Record<string, string>} */ ({
  [oids.SHA1]: 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
});

/** Step 3. @param {any} id @param {Certificate} certificate @param {Certificate} issuer */
function isAbout({hash, name, key, serial}, certificate, issuer) {
  const algorithm = CERT_ID_HASHES[hash.oid];
  return (
    algorithm !== undefined &&
    (hash.parameters === undefined || hash.parameters.tag === 'u5') &&
    serial === certificate.serial &&
    hex(name) === digest(issuer.subject.raw, algorithm) &&
    hex(key) === digest(issuer.key.point, algorithm)
  );
}

/**
 * Step 4; KeyHash is SHA-1 of the key (RFC 6960 section 4.2.1).
 * @param {{kind: string, value: any}} responder
 * @param {Certificate} one
 */
function isNamed({kind, value}, one) {
  return kind === 'key' ? hex(value) === digest(one.key.point, 'sha1') : hex(value.raw) === hex(one.subject.raw);
}

const DELEGATES_CRITICAL = [
  oids.BASIC_CONSTRAINTS,
  oids.KEY_USAGE,
  oids.EXTENDED_KEY_USAGE,
  oids.SUBJECT_ALT_NAME,
  oids.SUBJECT_KEY_IDENTIFIER,
  oids.AUTHORITY_KEY_IDENTIFIER,
  oids.NAME_CONSTRAINTS,
  oids.AUTHORITY_INFO_ACCESS,
  oids.OCSP_NOCHECK,
];

/** Step 6. @param {Certificate} delegate @param {Certificate} issuer @param {number} now */
function isDelegate(delegate, issuer, now) {
  return (
    sound(delegate) &&
    sound(issuer) &&
    !issuer.subject.empty &&
    inItsTime(issuer, now) &&
    isAuthority(issuer) &&
    issuedBy(delegate, issuer) &&
    delegate.says[oids.EXTENDED_KEY_USAGE]?.includes(oids.OCSP_SIGNING) &&
    delegate.extensions.has(oids.OCSP_NOCHECK) &&
    inItsTime(delegate, now) &&
    onlyCritical(delegate, DELEGATES_CRITICAL)
  );
}

/** What comes after step 6. @param {any[]} answers @param {number} now @param {number} oldest @returns {Status} */
function says(answers, now, oldest) {
  const [{status, thisUpdate, nextUpdate}] = answers;
  const validity = nextUpdate === undefined ? null : nextUpdate - thisUpdate;
  if (answers.some((one) => one.status.kind === 'revoked')) return {status: 'revoked', validity, detail: 'revoked'};
  if (status.kind !== 'good') return {status: 'status-missing', validity, detail: `the responder says ${status.kind}`};
  const fresh =
    thisUpdate <= now + SKEW && (nextUpdate === undefined || now < nextUpdate) && now - thisUpdate <= oldest;
  const detail = `good, from ${thisUpdate} to ${nextUpdate}, in seconds`;
  return {status: fresh ? 'good' : 'status-stale', validity, detail};
}
