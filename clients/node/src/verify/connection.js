/** The verdict on one connection: section 12.1. */

import {CERTIFICATES_PRESENTED} from '../limits.js';
import {Refusal, Unreadable, readingAs} from '../refusal.js';
import {readAnswer} from '../codec/tls.js';
import {readVoucher} from '../objects/voucher.js';
import {issuedBy, readCertificate} from '../pki/certificate.js';
import {addressOf} from '../pki/hosts.js';
import {canonicalName} from '../pki/idna.js';
import {judge} from '../pki/ocsp.js';
import {findPath} from '../pki/path.js';
import {inItsTime} from './directory.js';
import {isCandidate, judgeVoucher} from './voucher.js';

/** @typedef {import('../octets.js').Octets} Octets */
/** @typedef {import('../pki/certificate.js').Certificate} Certificate */
/** @typedef {import('../objects/directory.js').Directory} Directory */
/** @typedef {import('../objects/voucher.js').Voucher} Voucher */
/** @typedef {import('./voucher.js').Policy} Policy */
/**
 * What a handshake brought.
 * @typedef {object} Handshake
 * @property {string | null} serverName host name or address that the client asked for, as a person types it (I8)
 * @property {Octets[]} chain as presented, the end entity first
 * @property {Octets | null} staple
 * @property {string | null} peerAddress in text; null: unknown, as behind a proxy
 * @property {Octets | null} [answer] extension `voucher`; null: the server did not answer
 * @property {Octets[]} [vouchers] in the place of `answer`: vouchers that came otherwise, as in direct mode
 * @property {Octets[]} [cached] those that were named to the server, in their order
 * @property {boolean} [resumed] a session was resumed that T8 does not allow
 */
/**
 * @typedef {{hash: string | null, authority: string | null, ownerGroup: string | null, refusal: Refusal | null}} Judged
 */
/** @typedef {{vouchers: Judged[], path: Certificate[]}} Verdict of an accepted connection */

/**
 * Judges a connection after its handshake, before any octet of application data (C6).
 * @param {Handshake} handshake @param {Directory} directory one that was accepted @param {Policy} policy
 * @param {number} [now] in seconds since 1970-01-01 UTC
 * @returns {Verdict} what each voucher came to
 * @throws {Refusal} the connection is refused
 */
export function verifyConnection(handshake, directory, policy, now = Date.now() / 1000) {
  const {chain, vouchers} = verifyChain(handshake, directory, now);
  if (vouchers.length === 0) throw new Refusal('no-voucher', 'C1', 'the server sent no voucher');
  const peer = {
    directory,
    policy,
    now,
    address: handshake.peerAddress === null ? null : addressOf(handshake.peerAddress),
  };
  const judged = vouchers.map((octets) => judgeOne(octets, peer, chain));
  enough(judged, policy);
  return {vouchers: judged, path: chain.path};
}

/**
 * Steps 1 to 9, which no voucher is needed for: the server's chain, and the vouchers that have to be judged.
 * @param {Handshake} handshake @param {Directory} directory @param {number} now in seconds
 * @returns {{chain: import('./voucher.js').Chain, vouchers: Octets[]}}
 * @throws {Refusal}
 */
export function verifyChain(handshake, directory, now) {
  inItsTime(directory, now);
  if (handshake.resumed)
    throw new Refusal('no-voucher', 'T8', 'the session was resumed, and its acceptance is not known');
  if (handshake.serverName === null)
    throw new Refusal('untrusted', 'C4', 'there is no name to hold the certificate against');
  const vouchers = answeredWith(handshake);
  const chain = chainOf(handshake.chain, directory, canonicalName(handshake.serverName) ?? '', now);
  notRevoked(handshake.staple ? [handshake.staple] : [], chain.path, now);
  return {chain, vouchers};
}

/**
 * T4: what came, then what was named, which counts for nothing without an answer (C5).
 * @param {Handshake} handshake
 * @returns {Octets[]}
 */
function answeredWith({vouchers, answer = null, cached = []}) {
  if (vouchers) return vouchers;
  if (answer === null) return [];
  try {
    return [...readAnswer(answer), ...cached];
  } catch (error) {
    if (error instanceof Refusal) throw new Refusal('malformed', error.rule, `${error.code}: ${error.detail}`);
    throw error;
  }
}

/**
 * Steps 5 to 8: the validated path, and whose it is.
 * @param {Octets[]} octets @param {Directory} directory @param {string} serverName @param {number} now
 * @returns {import('./voucher.js').Chain}
 */
function chainOf(octets, directory, serverName, now) {
  const presented = readPresented(octets, 'untrusted', 'C4');
  const path = findPath(presented, directory.roots, serverName, now);
  if (typeof path === 'string') throw new Refusal('untrusted', 'C4', path);
  if (path.some(({key}) => directory.distrusts(key, now)))
    throw new Refusal('distrusted', 'D7', 'the directory distrusts a CA of the path');
  const unlisted = path.slice(1).find(({key}) => !directory.owners.has(key.hash));
  if (unlisted) throw new Refusal('untrusted', 'C4', `nobody knows whose the CA key ${unlisted.key.hash} is`);
  return {path, owners: ownersOf([...presented, ...path], directory)};
}

/**
 * Step 5, of private networks too.
 * @param {Octets[]} octets @param {string} code @param {string} rule @returns {Certificate[]}
 */
export function readPresented(octets, code, rule) {
  if (octets.length < 1 || octets.length > CERTIFICATES_PRESENTED)
    throw new Refusal(code, rule, `${octets.length} certificates, expected 1 to ${CERTIFICATES_PRESENTED}`);
  return readingAs(code, rule, () => octets.map(readCertificate));
}

/**
 * V6: the owner groups whose vouchers are their own praise.
 * @param {Certificate[]} certificates
 * @param {Directory} directory
 */
function ownersOf(certificates, directory) {
  const issuers = directory.roots.filter((root) => certificates.some((one) => issuedBy(one, root)));
  return new Set([...certificates, ...issuers].flatMap(({key}) => [...(directory.owners.get(key.hash) ?? [])]));
}

/** E6. @param {Octets[]} responses @param {Certificate[]} path @param {number} now */
function notRevoked(responses, path, now) {
  for (const response of responses) {
    const at = path
      .slice(0, -1)
      .findIndex((one, below) => judge(response, one, path[below + 1], now).status === 'revoked');
    if (at >= 0) throw new Refusal('revoked', 'E6', `${path[at].hash} is revoked`);
  }
}

/**
 * Step 11.
 * @param {Octets} octets
 * @param {import('./voucher.js').Peer} peer
 * @param {import('./voucher.js').Chain} chain
 * @returns {Judged}
 * @throws {Refusal} E6, which refuses the connection
 */
export function judgeOne(octets, peer, chain) {
  /** @type {Voucher | null} */
  let voucher = null;
  const judged = (/** @type {string | null} */ ownerGroup, /** @type {Refusal | null} */ refusal) => ({
    hash: voucher?.hash ?? null,
    authority: voucher?.authority ?? null,
    ownerGroup,
    refusal,
  });
  try {
    voucher = readVoucher(octets);
    isCandidate(voucher, peer);
  } catch (error) {
    if (error instanceof Unreadable) return judged(null, new Refusal('malformed', 'V1', error.message));
    if (error instanceof Refusal) return judged(null, error);
    throw error;
  }
  notRevoked([...voucher.responses.values()], chain.path, peer.now);
  try {
    return judged(judgeVoucher(voucher, peer, chain), null);
  } catch (error) {
    if (error instanceof Refusal) return judged(null, error);
    throw error;
  }
}

/** How many owner groups vouch. @param {Judged[]} judged */
export function vouching(judged) {
  return new Set(judged.filter(({refusal}) => !refusal).map(({ownerGroup}) => ownerGroup)).size;
}

/** C2, C3. @param {Judged[]} judged one at least @param {Policy} policy @throws {Refusal} */
export function enough(judged, {candidates, quorum}) {
  const owners = vouching(judged);
  if (owners >= quorum) return;
  if (owners) throw new Refusal('quorum', 'C2', `${owners} owner groups vouch, expected ${quorum}`);
  const first = candidates.flatMap((one) => judged.filter(({authority}) => authority === one))[0] ?? judged[0];
  throw first.refusal;
}
