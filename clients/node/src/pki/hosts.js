/** Host names and addresses: what a client asks for, and what a certificate is for (I5, I8, RFC 9525). */

import {isIP, isIPv4} from 'node:net';
import * as oids from '../oids.js';
import {same} from '../octets.js';

/** @typedef {import('../octets.js').Octets} Octets */

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const NUMBER = /^([0-9]+|0x[0-9a-f]*)$/;

/** Says whether a text is a host name by I8. @param {string} text */
export function isHostName(text) {
  const labels = text.split('.');
  return text.length <= 253 && labels.every((label) => LABEL.test(label)) && !NUMBER.test(labels[labels.length - 1]);
}

/** @param {string} text @returns {Octets | null} 4 or 16 octets in network order (I5); null: no IP address */
export function addressOf(text) {
  if (text.includes('%') || !isIP(text)) return null;
  const octets = isIPv4(text) ? Uint8Array.from(text.split('.'), Number) : ipv6(text);
  return unmapped(octets);
}

/** @param {string} text an IPv6 address that Node takes for one */
function ipv6(text) {
  const plain = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...four) => {
    const [a, b, c, d] = four.slice(0, 4).map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [front, back] = plain.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const groups = back === undefined ? front : [...front, ...Array(8 - front.length - back.length).fill('0'), ...back];
  return Uint8Array.from(groups.flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255]));
}

const MAPPED = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255]);

/** @param {Octets} octets an address @returns {Octets} an IPv4-mapped one as its 4 octets */
export function unmapped(octets) {
  return octets.length === 16 && same(octets.subarray(0, 12), MAPPED) ? octets.subarray(12) : octets;
}

/**
 * Says whether a certificate is for what the client asked for (12.2, end entity, step 6).
 * @param {import('./certificate.js').Certificate} certificate @param {string} asked a host name (I8) or an IP address
 */
export function isFor(certificate, asked) {
  const names = certificate.says[oids.SUBJECT_ALT_NAME] ?? [];
  const address = addressOf(asked);
  if (address) return names.some((/** @type {any} */ {kind, value}) => kind === 'ip' && same(value, address));
  if (!isHostName(asked)) return false;
  return names.some((/** @type {any} */ {kind, value}) => kind === 'dns' && matches(value.toLowerCase(), asked));
}

/** @param {string} name of the certificate @param {string} host */
function matches(name, host) {
  if (!name.startsWith('*.')) return name === host;
  return host.includes('.') && name.slice(2) === host.slice(host.indexOf('.') + 1);
}

/** @param {Octets} octets 4 or 16 @returns {string} as RFC 5952 has it */
export function addressText(octets) {
  if (octets.length === 4) return octets.join('.');
  const groups = Array.from({length: 8}, (_, at) => ((octets[2 * at] << 8) | octets[2 * at + 1]).toString(16));
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}
