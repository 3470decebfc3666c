/** The rules V2 to V11 on one voucher: section 12.3. */

import {SHORT_LIFE, SKEW, VOUCHER_LIFETIME} from '../limits.js';
import {hex, same} from '../octets.js';
import {Refusal} from '../refusal.js';
import {addressOf, unmapped} from '../pki/hosts.js';
import {judge} from '../pki/ocsp.js';
import {goodStatus, trustedAuthority} from './authority.js';

/** @typedef {import('../octets.js').Octets} Octets */
/** @typedef {import('../pki/certificate.js').Certificate} Certificate */
/** @typedef {import('../objects/voucher.js').Voucher} Voucher */
/** @typedef {import('../objects/directory.js').Directory} Directory */
/**
 * What a client demands.
 * @typedef {object} Policy
 * @property {string[]} candidates VA ids that it named, in its order
 * @property {number} quorum
 * @property {string[]} contexts its own trust contexts; none: no filter
 * @property {string[]} [nat64Prefixes] of 96 bits, such as `2001:db8::/96`, besides 64:ff9b::/96
 * @property {number} [maxVoucherLifetime] in seconds; 72 hours by default
 */
/**
 * @typedef {object} Peer what a voucher is held against besides
 * @property {Directory} directory
 * @property {Policy} policy
 * @property {number} now in seconds since 1970-01-01 UTC
 * @property {Octets | null} address of the peer; null: unknown
 */
/** @typedef {{path: Certificate[], owners: Set<string>}} Chain the validated path, and the owner groups of V6 */

/** V2. @param {Voucher} voucher @param {Peer} peer @throws {Refusal} */
export function isCandidate({authority}, {policy}) {
  if (!policy.candidates.includes(authority))
    throw new Refusal('not-a-candidate', 'V2', `${authority} was not asked for`);
}

/**
 * V3 to V11, in their order.
 * @param {Voucher} voucher
 * @param {Peer} peer
 * @param {Chain} chain
 * @returns {string} the owner group that vouches
 * @throws {Refusal}
 */
export function judgeVoucher(voucher, peer, chain) {
  const {entry} = fromAuthority(voucher, peer);
  if (chain.owners.has(entry.ownerGroup))
    throw new Refusal('self-endorsed', 'V6', `${entry.ownerGroup} vouches for a chain of its own`);
  inItsTime(voucher, peer);
  forChain(voucher, chain.path);
  atAddress(voucher, peer);
  inContext(voucher, peer);
  chain.path
    .slice(0, -1)
    .forEach((certificate, at) => goodEvidence(voucher, certificate, chain.path[at + 1], peer.now));
  return entry.ownerGroup;
}

/**
 * The rules that need no chain, in the order of C5: V3 to V5, V7, V9, V10.
 * @param {Voucher} voucher @param {Peer} peer @throws {Refusal}
 */
export function fitsPeer(voucher, peer) {
  fromAuthority(voucher, peer);
  inItsTime(voucher, peer);
  atAddress(voucher, peer);
  inContext(voucher, peer);
}

/** V3 to V5. @param {Voucher} voucher @param {Peer} peer */
function fromAuthority(voucher, {directory, now}) {
  const found = trustedAuthority(voucher, directory, now);
  const fault = voucher.signed.fault();
  if (fault) throw new Refusal('bad-signature', 'V4', fault);
  goodStatus(voucher, found.root, now);
  return found;
}

/** V7. @param {Voucher} voucher @param {Peer} peer */
function inItsTime({thisUpdate, nextUpdate}, {policy, now}) {
  const longest = policy.maxVoucherLifetime ?? VOUCHER_LIFETIME;
  if (nextUpdate - thisUpdate > longest)
    throw new Refusal('malformed', 'V7', `it lasts ${nextUpdate - thisUpdate} s, expected ${longest} at most`);
  if (thisUpdate > now + SKEW) throw new Refusal('not-yet-valid', 'V7', `from ${thisUpdate - now} s ahead`);
  if (now >= nextUpdate) throw new Refusal('expired', 'V7', `ended ${now - nextUpdate} s ago`);
}

/** V8. @param {Voucher} voucher @param {Certificate[]} path */
function forChain({certificateHash, intermediateHashes}, [end, ...rest]) {
  if (certificateHash !== end.hash)
    throw new Refusal('certificate-mismatch', 'V8', `for ${certificateHash}, the server showed ${end.hash}`);
  const missing = rest.slice(0, -1).find(({hash}) => !intermediateHashes.includes(hash));
  if (missing) throw new Refusal('intermediates-mismatch', 'V8', `${missing.hash} is not among its intermediates`);
}

/** V9. @param {Voucher} voucher @param {Peer} peer */
function atAddress({addresses}, {policy, address}) {
  if (!address) throw new Refusal('address-unknown', 'V9', "the peer's address is not known");
  const fitting = [unmapped(address), ...translated(address, policy.nat64Prefixes ?? [])];
  if (!addresses.some((listed) => fitting.some((one) => same(listed, one)))) {
    throw new Refusal('address-mismatch', 'V9', `for ${addresses.map(hex)}, the peer is ${hex(address)}`);
  }
}

/**
 * The IPv4 address inside one of a translator's.
 * @param {Octets} address
 * @param {string[]} prefixes
 * @returns {Octets[]}
 */
function translated(address, prefixes) {
  const fronts = ['64:ff9b::', ...prefixes.map((prefix) => prefix.replace(/\/96$/, ''))].map(addressOf);
  const inside =
    address.length === 16 &&
    fronts.some((front) => front && front.length === 16 && same(front.subarray(0, 12), address.subarray(0, 12)));
  return inside ? [address.subarray(12)] : [];
}

/** V10. @param {Voucher} voucher @param {Peer} peer */
function inContext({trustContexts}, {policy: {contexts}}) {
  if (contexts.length && !contexts.some((one) => trustContexts.includes(one))) {
    throw new Refusal(
      'context-missing',
      'V10',
      `in ${trustContexts.join(' ') || 'no context'}, expected one of ${contexts.join(' ')}`,
    );
  }
}

/** V11. @param {Voucher} voucher @param {Certificate} certificate @param {Certificate} issuer @param {number} now */
function goodEvidence(voucher, certificate, issuer, now) {
  const refuse = (/** @type {string} */ code, /** @type {string} */ detail) =>
    new Refusal(code, 'V11', `${certificate.hash}: ${detail}`);
  const evidence = voucher.evidence.find(({certificateHash}) => certificateHash === certificate.hash);
  if (!evidence) throw refuse('status-missing', 'no evidence'); // E1 and V8 leave no way here
  const {method, thisUpdate, nextUpdate, evidenceHash} = evidence;
  const fresh = thisUpdate <= now + SKEW && now < nextUpdate;
  if (method === 'shortLived' && certificate.notAfter.seconds - certificate.notBefore.seconds > SHORT_LIFE) {
    throw refuse('status-missing', 'called short-lived, and lasts longer than 7 days');
  }
  if (method !== 'ocsp') {
    if (!fresh) throw refuse('status-stale', `${method} evidence out of its time`);
    return;
  }
  const response = voucher.responses.get(evidenceHash ?? '');
  if (!response) throw refuse('status-missing', 'the OCSP response is not enclosed');
  const {status, validity, detail} = judge(response, certificate, issuer, now);
  if (status !== 'good') throw refuse(status, detail);
  if (validity === null && now >= nextUpdate)
    throw refuse('status-stale', 'its entry ended, and the response names no end');
}
