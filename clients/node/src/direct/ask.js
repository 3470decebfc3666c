/** Asking a VAS for a voucher (section 4): one POST over HTTPS, with the roots that the directory pins for its URL. */

import {request} from 'node:https';
import {VOUCHER_OCTETS} from '../limits.js';
import {Refusal} from '../refusal.js';

/** @typedef {import('../octets.js').Octets} Octets */
/** @typedef {import('../objects/directory.js').Server} Server */
/** @typedef {{status: number, type: string, body: Buffer}} Answered */

/**
 * Asks a server of an authority.
 * @param {Server} server
 * @param {Octets} body the DER of a VoucherRequest
 * @param {number} timeout in milliseconds, for all of it
 * @returns {Promise<Octets>} the voucher, of which nothing is judged yet
 * @throws {Refusal} M5: `certificate-mismatch` where the VA saw another certificate, `revoked` where it calls one so,
 *   `malformed` for what is given as a voucher and is none, else `no-voucher`
 */
export async function askForVoucher(server, body, timeout) {
  const answered = await posted(server, body, timeout).catch((error) => {
    const code = error instanceof TooLong ? 'malformed' : 'no-voucher';
    throw new Refusal(code, 'M5', `${server.url}: ${error.message}`);
  });
  const {status, type} = answered;
  if (status === 200 && type === 'application/mecai-voucher') return answered.body;
  throw new Refusal(codeOf(answered), 'M5', `${server.url}: ${status}, ${said(answered)}`);
}

/** @param {Answered} answered @returns {string} */
function codeOf({status, body}) {
  if (status === 200) return 'malformed';
  if (status === 409) return 'certificate-mismatch';
  return status === 403 && problemOf(body) === 'revoked' ? 'revoked' : 'no-voucher';
}

/** The code at the end of a problem document's type (R7), empty where there is none. @param {Buffer} body */
function problemOf(body) {
  try {
    return String(JSON.parse(body.toString()).type).split('/').pop() ?? '';
  } catch {
    return '';
  }
}

/** An answer that goes on beyond every limit. */
class TooLong extends Error {}

/** @param {Server} server @param {Octets} body @param {number} timeout @returns {Promise<Answered>} */
function posted(server, body, timeout) {
  const options = {
    method: 'POST',
    ca: server.roots.map(({raw}) => pem(raw)), // none: nobody is trusted
    rejectUnauthorized: true, // whatever NODE_TLS_REJECT_UNAUTHORIZED says
    agent: false, // a connection of its own, whose session nobody resumes
    minVersion: /** @type {const} */ ('TLSv1.2'),
    headers: {'Content-Type': 'application/mecai-voucher-request', 'Content-Length': body.length},
    signal: AbortSignal.timeout(timeout),
  };
  return new Promise((resolve, reject) => {
    const url = new URL(`${server.url.replace(/\/$/, '')}/v1/vouchers`);
    const asked = request(url, options, (response) => void collect(response).then(resolve, reject));
    asked.on('error', reject);
    asked.end(body);
  });
}

/** @param {import('node:http').IncomingMessage} response @returns {Promise<Answered>} */
async function collect(response) {
  const parts = [];
  let size = 0;
  for await (const part of response) {
    size += part.length;
    if (size > VOUCHER_OCTETS) throw new TooLong(`an answer of more than ${VOUCHER_OCTETS} octets`);
    parts.push(part);
  }
  const [type] = (response.headers['content-type'] ?? '').split(';');
  return {status: response.statusCode ?? 0, type: type.trim().toLowerCase(), body: Buffer.concat(parts)};
}

/** What a VAS says of its refusal, in characters that print. @param {Answered} answered @returns {string} */
function said({body, type}) {
  const printable = (/** @type {string} */ text) => text.replace(/[^ -~]/g, '?').slice(0, 200);
  try {
    const {reason, detail, holdEnd} = JSON.parse(body.toString());
    return printable([reason, detail, holdEnd].filter((word) => typeof word === 'string').join(', '));
  } catch {
    return printable(type) || 'without a body';
  }
}

/** @param {Octets} der */
function pem(der) {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
