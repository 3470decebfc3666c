/**
 * One TLS handshake with a server, and what it showed.
 *
 * Node's `tls` gives no way to add an extension to the ClientHello (README.md), so none of section 5 is sent here.
 */

import {constants} from 'node:crypto';
import {connect} from 'node:tls';
import {addressOf} from '../pki/hosts.js';

/** @typedef {import('../octets.js').Octets} Octets */
/**
 * @typedef {{socket: import('node:tls').TLSSocket, chain: Octets[], staple: Octets | null, peerAddress: string}} Shown
 */

/**
 * Connects and shakes hands; nobody has judged the certificate yet, and no application data was exchanged (C6).
 * @param {{host: string, port: number, serverName: string, timeout: number}} to the host may be an address; `serverName` is
 *   a host name (I8), or an address, for which no SNI is sent; the timeout is in milliseconds, for all of it
 * @returns {Promise<Shown>}
 * @throws {Error} no connection, or no handshake, in time
 */
export function shakeHands({host, port, serverName, timeout}) {
  return new Promise((resolve, reject) => {
    /** @type {Octets | null} */
    let staple = null;
    const servername = addressOf(serverName) ? '' : serverName;
    // The rules of the specification judge the certificate, not Node's: they know the directory's roots alone.
    /** @type {import('node:tls').ConnectionOptions & {requestOCSP: boolean}} */
    const options = {
      host,
      port,
      servername,
      ca: [],
      rejectUnauthorized: false,
      requestOCSP: true,
      minVersion: 'TLSv1.2',
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION, // what was judged stays
    };
    const socket = connect(options);
    const timer = setTimeout(
      () => socket.destroy(new Error(`no handshake with ${host} within ${timeout} ms`)),
      timeout,
    );
    const over = () => clearTimeout(timer);
    socket.once('close', () => reject(new Error(`${host} closed the connection in the handshake`)));
    socket.once('close', over);
    socket.once('error', reject);
    socket.on('OCSPResponse', (response) => {
      staple = response?.length ? response : null;
    });
    socket.once('secureConnect', () => {
      over();
      resolve({socket, chain: chainOf(socket), staple, peerAddress: socket.remoteAddress ?? ''});
    });
  });
}

/**
 * The certificates that Node links from the server's on; those that certify none of them it does not show.
 * @param {import('node:tls').TLSSocket} socket
 * @returns {Octets[]}
 */
function chainOf(socket) {
  const chain = [];
  const seen = new Set();
  let next = socket.getPeerCertificate(true);
  while (next?.raw && !seen.has(next.fingerprint256)) {
    seen.add(next.fingerprint256);
    chain.push(next.raw);
    next = next.issuerCertificate;
  }
  return chain;
}
