/** A connection to a private network (M4): sections 6.5 and 12.7. */

import {PRIVATE_STATUS_AGE} from '../limits.js';
import {Refusal} from '../refusal.js';
import {addressOf} from '../pki/hosts.js';
import {canonicalName} from '../pki/idna.js';
import {judge} from '../pki/ocsp.js';
import {findPath} from '../pki/path.js';
import {readPresented} from './connection.js';

/** @typedef {import('../octets.js').Octets} Octets */
/** @typedef {import('../pki/certificate.js').Certificate} Certificate */
/**
 * @typedef {{domains: string[], roots: Certificate[], pins: string[]}} Network pins are SPKI hashes; none: the roots are the pin
 */
/** @typedef {{network: Network, domain: string}} Found */

/**
 * The network of the longest domain that holds a name.
 * @param {Network[]} networks
 * @param {string} serverName
 * @returns {Found | null}
 */
export function networkOf(networks, serverName) {
  const name = canonicalName(serverName) ?? serverName.replace(/\.+$/, '').toLowerCase();
  if (addressOf(name)) return null;
  const found = networks.flatMap((network) => network.domains.map((domain) => ({network, domain})));
  const holding = found.filter(({domain}) => name === domain || name.endsWith(`.${domain}`));
  return holding.sort((one, other) => other.domain.length - one.domain.length)[0] ?? null;
}

/**
 * Judges a connection to a server of the network.
 * @param {{serverName: string, chain: Octets[], staple: Octets | null, resumed?: boolean}} handshake
 * @param {Network} network
 * @param {(certificate: Certificate) => Octets | null} responder what the responder answers that a certificate names
 * @param {number} now in seconds
 * @throws {Refusal}
 */
export function verifyPrivate(handshake, network, responder, now) {
  if (handshake.resumed) throw new Refusal('status-missing', 'M4', 'the session was resumed');
  const presented = readPresented(handshake.chain, 'pin-mismatch', 'M4');
  const path = findPath(presented, network.roots, canonicalName(handshake.serverName) ?? '', now);
  if (typeof path === 'string') throw new Refusal('pin-mismatch', 'M4', path);
  const pin = pinOf(path, network.pins);
  for (let at = 0; at < pin; at += 1) goodStatus(handshake.staple, path[at], path[at + 1], responder, now);
}

/** @param {Certificate[]} path @param {string[]} pins @returns {number} where the pin stands in the path */
function pinOf(path, pins) {
  if (pins.length === 0) return path.length - 1;
  const at = path.findIndex(({key}, place) => place > 0 && pins.includes(key.hash));
  if (at < 0) throw new Refusal('pin-mismatch', 'M4', 'no CA of the path has a pinned key');
  return at;
}

/**
 * @param {Octets | null} staple
 * @param {Certificate} certificate
 * @param {Certificate} issuer
 * @param {(certificate: Certificate) => Octets | null} responder
 * @param {number} now
 */
function goodStatus(staple, certificate, issuer, responder, now) {
  const refuse = (/** @type {string} */ code, /** @type {string} */ detail) =>
    new Refusal(code, 'M4', `${certificate.hash}: ${detail}`);
  const stapled = staple && judge(staple, certificate, issuer, now, PRIVATE_STATUS_AGE);
  if (stapled?.status === 'revoked') throw refuse('revoked', 'revoked');
  if (stapled?.status === 'good' && stapled.validity !== null) return;
  const response = responder(certificate);
  if (!response) throw refuse('status-unavailable', 'neither staple nor responder answered');
  const {status, validity, detail} = judge(response, certificate, issuer, now, PRIVATE_STATUS_AGE);
  if (status !== 'good') throw refuse(status, detail);
  if (validity === null) throw refuse('status-missing', 'the response names no end');
}
