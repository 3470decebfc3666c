/** The CMS profile (O1 to O4): SignedData with one certificate and one signer, in DER. */

import * as oids from '../oids.js';
import {digest, hex, same} from '../octets.js';
import {Unreadable} from '../refusal.js';
import {encode} from '../codec/der.js';
import {
  INTEGER,
  OCTET_STRING,
  OID,
  RAW,
  choice,
  explicit,
  implicit,
  integer,
  optional,
  readAs,
  sequence,
  setOf,
  withRaw,
} from '../codec/types.js';
import {ALGORITHM, DIGEST_ALGORITHM, schemeOf, verifies} from '../pki/algorithms.js';
import {readCertificate} from '../pki/certificate.js';
import {NAME} from '../pki/names.js';

/** @typedef {import('../octets.js').Octets} Octets */
/**
 * @typedef {object} Signed an object whose form is that of the profile; nothing is verified yet
 * @property {Octets} content the eContent
 * @property {import('../pki/certificate.js').Certificate} certificate the signer's, as it says
 * @property {Octets[]} responses the OCSP responses in `crls`
 * @property {() => string} fault verifies: '' where digests and signature hold, else what does not
 */

const ATTRIBUTE = sequence({type: OID, values: setOf(RAW, 1, 1)});
const OTHER_INFO = sequence({format: OID, info: RAW});
const SIGNER = sequence({
  version: integer(1, 1),
  sid: sequence({issuer: NAME, serial: INTEGER}),
  digest: DIGEST_ALGORITHM,
  attributes: withRaw(implicit(0, setOf(ATTRIBUTE))),
  algorithm: ALGORITHM,
  signature: OCTET_STRING,
});
const SIGNED_DATA = sequence({
  version: INTEGER,
  digests: setOf(DIGEST_ALGORITHM, 1, 1),
  content: sequence({type: OID, content: explicit(0, OCTET_STRING)}),
  certificates: implicit(0, setOf(RAW, 1, 1)),
  crls: optional(implicit(1, setOf(choice({other: implicit(1, OTHER_INFO)})))),
  signers: setOf(SIGNER, 1, 1),
});
const CONTENT_INFO = sequence({type: OID, data: explicit(0, SIGNED_DATA)});

/**
 * Reads a signed object.
 * @param {Octets} octets @param {string} type the content type expected (K5)
 * @param {boolean} withResponses whether `crls` holds OCSP responses (version 5), or is absent (version 3)
 * @returns {Signed}
 * @throws {Unreadable}
 */
export function readSigned(octets, type, withResponses) {
  const {type: outer, data} = readAs(CONTENT_INFO, octets);
  if (outer !== oids.SIGNED_DATA) throw new Unreadable(`content type ${outer}, expected SignedData`);
  if (data.content.type !== type) throw new Unreadable(`eContentType ${data.content.type}, expected ${type}`);
  if (data.version !== (withResponses ? 5n : 3n)) throw new Unreadable(`SignedData of version ${data.version}`);
  const responses = responsesOf(data.crls, withResponses);
  const certificate = readCertificate(data.certificates[0]);
  const [signer] = data.signers;
  const {content} = data.content;
  named(signer.sid, certificate);
  if (signer.digest !== data.digests[0]) throw new Unreadable('digests that disagree');
  const attributes = attributesOf(signer, type);
  const scheme = schemeOf(signer.algorithm);
  if (!scheme) throw new Unreadable('a signature algorithm outside K3');
  if (scheme.hash !== signer.digest)
    throw new Unreadable(`a signature with ${scheme.hash}, digests with ${signer.digest}`);
  return {content, certificate, responses, fault: () => faultOf(content, certificate, signer, attributes, scheme)};
}

/** @param {any[] | undefined} crls @param {boolean} expected @returns {Octets[]} */
function responsesOf(crls, expected) {
  if (!expected && crls === undefined) return [];
  if (!expected || !crls?.length) throw new Unreadable(`crls is ${crls ? 'empty, or should not be there' : 'absent'}`);
  const infos = crls.map(({value}) => value);
  if (infos.some(({format}) => format !== oids.RI_OCSP_RESPONSE))
    throw new Unreadable('crls holds what is no OCSP response');
  if (new Set(infos.map(({info}) => hex(info))).size < infos.length)
    throw new Unreadable('crls holds a response twice');
  return infos.map(({info}) => info);
}

/** @param {any} sid @param {import('../pki/certificate.js').Certificate} certificate */
function named({issuer, serial}, certificate) {
  if (serial !== certificate.serial || !same(issuer.raw, certificate.issuer.raw))
    throw new Unreadable('sid names another certificate');
}

/** @param {any} signer @param {string} type @returns {Record<string, Octets>} each one's value, in DER */
function attributesOf({attributes}, type) {
  const expected = [oids.CONTENT_TYPE, oids.MESSAGE_DIGEST, oids.SIGNING_CERTIFICATE_V2];
  const found = Object.fromEntries(attributes.value.map((/** @type {any} */ one) => [one.type, one.values[0]]));
  if (attributes.value.length !== 3 || !expected.every((one) => one in found))
    throw new Unreadable('signed attributes are other than the three');
  if (readAs(OID, found[oids.CONTENT_TYPE]) !== type) throw new Unreadable('content-type is not eContentType');
  return found;
}

/**
 * O2, V4.
 * @param {Octets} content
 * @param {any} certificate
 * @param {any} signer
 * @param {Record<string, Octets>} attributes
 * @param {any} scheme
 */
function faultOf(content, certificate, signer, attributes, scheme) {
  const messageDigest = encode(0x04, Buffer.from(digest(content, signer.digest), 'hex'));
  if (!same(attributes[oids.MESSAGE_DIGEST], messageDigest)) return 'message-digest is of other content';
  const id = encode(0x30, encode(0x04, Buffer.from(certificate.hash, 'hex'))); // ESSCertIDv2 with its default, SHA-256
  if (!same(attributes[oids.SIGNING_CERTIFICATE_V2], encode(0x30, encode(0x30, id))))
    return 'signing-certificate-v2 is of another';
  const {raw} = signer.attributes;
  const over = Buffer.concat([Uint8Array.from([0x31]), raw.subarray(1)]); // signed as a SET OF (RFC 5652 section 5.4)
  return verifies(certificate.key, scheme, over, signer.signature) ? '' : 'the signature does not hold';
}
