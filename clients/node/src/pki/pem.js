/** Certificates in PEM (RFC 7468), as files of publishers are. */

import {Unreadable} from '../refusal.js';
import {readCertificate} from './certificate.js';

const BLOCK = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g;

/**
 * @param {string} text
 * @returns {string[]} the SPKI hash of each certificate's key
 * @throws {Unreadable} there is none, or one cannot be read
 */
export function keysOfPem(text) {
  const keys = [...text.matchAll(BLOCK)].map(([, base64]) => readCertificate(Buffer.from(base64, 'base64')).key.hash);
  if (keys.length === 0) throw new Unreadable('no certificate in PEM');
  return keys;
}
