/** The body of a request to a VAS (section 4): written by a client in direct mode, and read as a VAS reads it first. */

import {REQUEST_OCTETS} from '../limits.js';
import {hex} from '../octets.js';
import {Unreadable} from '../refusal.js';
import {encode} from '../codec/der.js';
import {
  IA5_STRING,
  OCTET_STRING,
  explicit,
  integer,
  octets,
  optional,
  readAs,
  sequence,
  sequenceOf,
  such,
} from '../codec/types.js';
import {readCertificate} from '../pki/certificate.js';
import {isHostName} from '../pki/hosts.js';

/** @typedef {import('../octets.js').Octets} Octets */
/** @typedef {import('../pki/certificate.js').Certificate} Certificate */
/**
 * @typedef {{certificate: Certificate, intermediates: Certificate[], addresses: Octets[], port: number, serverName: string | null}} Request
 */

const blob = such(OCTET_STRING, ({length}) => length >= 1 && length <= 65_535, 'a value that is empty or too long');
const ADDRESSES = such(
  sequenceOf(octets(4, 16), 1, 16),
  (list) =>
    new Set(list.map(hex)).size === list.length &&
    !list.some((one) => one.length === 16 && hex(one).startsWith('00000000000000000000ffff')),
  'an address twice, or one that is IPv4-mapped (R3, I5)',
);
const REQUEST = sequence({
  version: integer(1, 1),
  certificate: blob,
  intermediates: sequenceOf(blob, 0, 8),
  addresses: ADDRESSES,
  port: integer(1, 1023),
  serverName: optional(explicit(0, such(IA5_STRING, isHostName, 'a server name that is no host name (I8)'))),
  succession: optional(explicit(1, blob)),
});

/** @param {Octets} raw @returns {Request} what it says; whether it fits together is for later @throws {Unreadable} */
export function readRequest(raw) {
  if (raw.length > REQUEST_OCTETS)
    throw new Unreadable(`${raw.length} octets, expected ${REQUEST_OCTETS} at most (R2)`);
  const found = readAs(REQUEST, raw);
  return {
    certificate: readCertificate(found.certificate),
    intermediates: found.intermediates.map(readCertificate),
    addresses: found.addresses,
    port: found.port,
    serverName: found.serverName ?? null,
  };
}

/**
 * Writes a request.
 * @param {{chain: Octets[], address: Octets, port: number, serverName: string | null}} what the certificate first
 * @returns {Octets}
 */
export function writeRequest({chain: [certificate, ...intermediates], address, port, serverName}) {
  const name = serverName === null ? [] : [encode(0xa0, encode(0x16, Buffer.from(serverName, 'latin1')))];
  return encode(
    0x30,
    encode(0x02, Uint8Array.from([1])),
    encode(0x04, certificate),
    encode(0x30, ...intermediates.slice(0, 8).map((one) => encode(0x04, one))),
    encode(0x30, encode(0x04, address)),
    encode(0x02, Uint8Array.from(port < 128 ? [port] : port < 256 ? [0, port] : [port >> 8, port & 255])),
    ...name,
  );
}
