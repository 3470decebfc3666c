/** AlgorithmIdentifiers and what rule K3 takes of them. */

import {verify as verifySignature, constants} from 'node:crypto';
import * as oids from '../oids.js';
import {hex} from '../octets.js';
import {ANY, INTEGER, OID, explicit, optional, readAs, sequence, such, withRaw} from '../codec/types.js';

/** @typedef {import('../octets.js').Octets} Octets */
/** @typedef {import('./keys.js').Key} Key */
/** @typedef {{oid: string, parameters: import('../codec/der.js').Value | undefined, raw: Octets}} Algorithm */
/** @typedef {{family: 'ec' | 'pkcs1' | 'pss', hash: string}} Scheme how a signature is made, by K3 */

/** As it stands; what it may be depends on where it stands. @type {import('../codec/types.js').Type<Algorithm>} */
export const ALGORITHM = such(
  withRaw(sequence({oid: OID, parameters: optional(ANY)})),
  () => true,
  '',
  ({raw, value}) => ({raw, ...value}),
);

/** RFC 4055 section 3.1; a DEFAULT that is written is no DER. */
const notDefault = (/** @type {bigint} */ value) => (/** @type {bigint} */ found) => found !== value;
const PSS_PARAMETERS = sequence({
  hash: optional(
    explicit(
      0,
      such(ALGORITHM, ({oid}) => oid !== oids.SHA1, 'SHA-1, which is the default, is written'),
    ),
  ),
  mask: optional(explicit(1, ALGORITHM)),
  salt: optional(explicit(2, such(INTEGER, notDefault(20n), 'a salt of 20, which is the default, is written'))),
  trailer: optional(explicit(3, such(INTEGER, notDefault(1n), 'the default trailer is written'))),
});

/**
 * A signature's algorithm; parameters of another type than K3's own algorithms have cannot be read (12.5).
 * @type {import('../codec/types.js').Type<Algorithm>}
 */
export const SIGNATURE_ALGORITHM = such(ALGORITHM, parametersFit, 'parameters of another type than the algorithm has');

/** @param {Algorithm} algorithm */
function parametersFit({oid, parameters}) {
  if (oid in oids.ECDSA) return parameters === undefined;
  if (oid in oids.PKCS1) return parameters === undefined || parameters.tag === 'u5';
  if (oid === oids.RSA_PSS && parameters) readAs(PSS_PARAMETERS, parameters.raw);
  return true;
}

/** The parameters of PSS in K3, octet for octet, by their digest. */
const PSS = new Map(Object.entries(oids.SHA2).map(([oid, hash], at) => [pssParameters(oid, [32, 48, 64][at]), hash]));

/** @param {string} oid of SHA-2 @param {number} salt in octets */
function pssParameters(oid, salt) {
  const hash = `300d0609608648016503040 2 0${oid.slice(-1)}0500`.replaceAll(' ', '');
  const mask = `301a06092a864886f70d010108${hash}`;
  return `3034a00f${hash}a11c${mask}a2030201${salt.toString(16)}`;
}

/** @param {Algorithm} algorithm @returns {Scheme | null} null: none of K3 */
export function schemeOf({oid, parameters}) {
  if (oid in oids.ECDSA) return parameters ? null : {family: 'ec', hash: oids.ECDSA[oid]};
  if (oid in oids.PKCS1) return parameters && parameters.tag !== 'u5' ? null : {family: 'pkcs1', hash: oids.PKCS1[oid]};
  const hash = oid === oids.RSA_PSS && parameters ? PSS.get(hex(parameters.raw)) : undefined;
  return hash ? {family: 'pss', hash} : null;
}

/**
 * Says whether `key` made the signature. A scheme that is not of the key's kind made none.
 * @param {Key} key @param {Scheme} scheme @param {Octets} message @param {Octets} signature
 */
export function verifies(key, scheme, message, signature) {
  if (!key.object || key.kind !== (scheme.family === 'ec' ? 'ec' : 'rsa')) return false;
  const padding = scheme.family === 'pss' ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
  const how = scheme.family === 'ec' ? {dsaEncoding: 'der'} : {padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST};
  try {
    return verifySignature(scheme.hash, message, /** @type {any} */ ({key: key.object, ...how}), signature);
  } catch {
    return false; // OpenSSL refuses some keys and signatures outright
  }
}

/**
 * A digest algorithm of the CMS object: SHA-2 without parameters (O3).
 * @type {import('../codec/types.js').Type<string>}
 */
export const DIGEST_ALGORITHM = such(
  ALGORITHM,
  ({oid, parameters}) => oid in oids.SHA2 && parameters === undefined,
  'a digest that is not SHA-2 without parameters',
  ({oid}) => oids.SHA2[oid],
);
