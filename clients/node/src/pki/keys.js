/** SubjectPublicKeyInfo: how a key is written (12.5), and which of them K3 and K7 take. */

import {createPublicKey} from 'node:crypto';
import * as oids from '../oids.js';
import {RSA_BITS, RSA_EXPONENT_BITS, RSA_MODULUS_BITS} from '../limits.js';
import {digest} from '../octets.js';
import {Unreadable} from '../refusal.js';
import {BIT_STRING, INTEGER, OID, readAs, sequence, such, withRaw} from '../codec/types.js';
import {ALGORITHM} from './algorithms.js';

/** @typedef {import('../octets.js').Octets} Octets */
/**
 * A public key. `kind` 'other' is an algorithm or curve that nobody here knows: it verifies nothing, and has no object.
 * `bits` are those of the modulus; `hash` is the SPKI hash (I4).
 * @typedef {{kind: 'rsa' | 'ec' | 'other', curve?: string, bits?: number, raw: Octets, point: Octets, hash: string,
 *   object: import('node:crypto').KeyObject | null}} Key
 */

const RSA_KEY = sequence({modulus: INTEGER, exponent: INTEGER});

/** @type {import('../codec/types.js').Type<Key>} */
export const KEY = such(withRaw(sequence({algorithm: ALGORITHM, key: BIT_STRING})), () => true, '', keyOf);

/** @param {{raw: Octets, value: any}} found @returns {Key} */
function keyOf({raw, value: {algorithm, key}}) {
  if (key.unused) throw new Unreadable('a key that is no number of octets');
  const common = {raw, point: key.bits, hash: digest(raw)};
  if (algorithm.oid === oids.RSA) return {...common, ...rsa(algorithm, key), object: opened(raw)};
  if (algorithm.oid === oids.EC) return ec(common, algorithm, key);
  return {...common, kind: 'other', object: null};
}

/** @param {any} algorithm @param {any} key @returns {{kind: 'rsa', bits: number}} */
function rsa({parameters}, key) {
  if (parameters?.tag !== 'u5') throw new Unreadable('an RSA key whose parameters are not NULL');
  const {modulus, exponent} = readAs(RSA_KEY, key.bits);
  const bits = modulus > 0n ? modulus.toString(2).length : 0;
  if (bits > RSA_MODULUS_BITS || modulus % 2n !== 1n)
    throw new Unreadable(`an RSA modulus that is even or of ${bits} bits`);
  if (exponent < 3n || exponent % 2n !== 1n || exponent >> BigInt(RSA_EXPONENT_BITS)) {
    throw new Unreadable('an RSA exponent that is even, below 3 or above 64 bits');
  }
  return {kind: 'rsa', bits};
}

/** @param {any} common @param {any} algorithm @param {any} key @returns {Key} */
function ec(common, {parameters}, key) {
  if (parameters?.tag !== 'u6') throw new Unreadable('an elliptic curve key that does not name its curve');
  const curve = oids.CURVES[readAs(OID, parameters.raw)];
  if (!curve) return {...common, kind: 'other', object: null};
  if (key.bits[0] !== 4) throw new Unreadable('an elliptic curve key that is no uncompressed point');
  const object = opened(common.raw);
  if (!object) throw new Unreadable(`a key that is no point of ${curve}`);
  return {...common, kind: 'ec', curve, object};
}

/** @param {Octets} raw @returns {import('node:crypto').KeyObject | null} null: OpenSSL takes no such key */
function opened(raw) {
  try {
    return createPublicKey({key: Buffer.from(raw), format: 'der', type: 'spki'});
  } catch {
    return null;
  }
}

/** Says whether K3 takes the key: for authorities, vouchers, directories and status. @param {Key} key */
export function ofK3(key) {
  if (key.kind === 'rsa') return (key.bits ?? 0) >= RSA_BITS[0] && (key.bits ?? 0) <= RSA_BITS[1];
  return key.curve === 'P-256' || key.curve === 'P-384';
}

/** Says whether K7 takes the key: in a server's path. @param {Key} key */
export function ofK7(key) {
  return ofK3(key) || key.curve === 'P-521';
}
