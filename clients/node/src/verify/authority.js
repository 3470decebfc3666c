/** The authority behind a voucher: its certificate (V3) and its status (V5). */

import * as oids from '../oids.js';
import {AUTHORITY_STATUS_LIFETIME, VA_LIFETIME} from '../limits.js';
import {Refusal} from '../refusal.js';
import {inItsTime, isAuthority, issuedBy, onlyCritical, plainKeyIdentifier, sound} from '../pki/certificate.js';
import {isHostName} from '../pki/hosts.js';
import {ofK3} from '../pki/keys.js';
import {judge} from '../pki/ocsp.js';
import {OF_ISSUERS} from '../pki/path.js';

/** @typedef {import('../pki/certificate.js').Certificate} Certificate */
/** @typedef {import('../objects/voucher.js').Voucher} Voucher */
/** @typedef {import('../objects/directory.js').Directory} Directory */
/** @typedef {import('../objects/directory.js').Authority} Authority */

const CRITICAL = [
  oids.EXTENDED_KEY_USAGE,
  oids.KEY_USAGE,
  oids.AUTHORITY_INFO_ACCESS,
  oids.SUBJECT_ALT_NAME,
  oids.BASIC_CONSTRAINTS,
  oids.SUBJECT_KEY_IDENTIFIER,
  oids.AUTHORITY_KEY_IDENTIFIER,
];

/**
 * V3: the directory's entry, and the root that issued the authority's certificate.
 * @param {Voucher} voucher @param {Directory} directory @param {number} now in seconds
 * @returns {{entry: Authority, root: Certificate}} @throws {Refusal}
 */
export function trustedAuthority({authority, signed: {certificate}}, directory, now) {
  const refuse = (/** @type {string} */ detail) => new Refusal('untrusted-authority', 'V3', detail);
  const entry = directory.authorities.find(({id}) => id === authority);
  if (!entry) throw refuse(`${authority} is not in the directory`);
  const fault = faultOf(certificate);
  if (fault) throw refuse(`${entry.name}'s certificate: ${fault}`);
  if (!inItsTime(certificate, now)) throw refuse(`${entry.name}'s certificate is out of its time`);
  const root = entry.roots.find((one) => one.key.hash.startsWith(authority) && mayCertify(one, certificate, now));
  if (!root) throw refuse(`no root of ${entry.name} with this id issued its certificate`);
  if (directory.distrusts(root.key, now)) throw refuse(`the directory distrusts the root of ${entry.name}`);
  return {entry, root};
}

/** What is wrong by K2 and K3, or nothing. @param {Certificate} certificate */
function faultOf(certificate) {
  const {says, extensions, notBefore, notAfter, key} = certificate;
  const usage = says[oids.KEY_USAGE];
  if (!sound(certificate)) return 'not sound';
  if (says[oids.EXTENDED_KEY_USAGE]?.join() !== oids.VOUCHER_SIGNING) return 'not for voucher signing alone';
  if (!extensions.get(oids.EXTENDED_KEY_USAGE)?.critical) return 'extendedKeyUsage is not critical';
  if (!usage?.has('digitalSignature') || usage.has('keyCertSign') || usage.has('cRLSign')) return 'keyUsage';
  if (says[oids.BASIC_CONSTRAINTS]?.ca) return 'a CA';
  if (!says[oids.AUTHORITY_INFO_ACCESS]?.some(isResponder)) return 'no OCSP URL';
  if (!says[oids.SUBJECT_ALT_NAME]?.some(isServer)) return 'no host name of a VAS';
  if (notAfter.seconds - notBefore.seconds > VA_LIFETIME) return 'it lasts longer than 366 days';
  if (!ofK3(key)) return 'a key outside K3';
  return onlyCritical(certificate, CRITICAL) ? '' : 'a critical extension that is not known';
}

/** @param {any} access */
function isResponder({method, location}) {
  return method === oids.AD_OCSP && location.kind === 'uri';
}

/** @param {any} name */
function isServer({kind, value}) {
  return kind === 'dns' && isHostName(value.toLowerCase());
}

/**
 * 12.2, issuer, steps 1 to 3 and 7, and K3.
 * @param {Certificate} root
 * @param {Certificate} certificate
 * @param {number} now
 */
function mayCertify(root, certificate, now) {
  return (
    issuedBy(certificate, root) &&
    sound(root) &&
    inItsTime(root, now) &&
    !root.subject.empty &&
    isAuthority(root) &&
    ofK3(root.key) &&
    onlyCritical(root, OF_ISSUERS) &&
    plainKeyIdentifier(root)
  );
}

/** V5. @param {Voucher} voucher @param {Certificate} root @param {number} now @throws {Refusal} */
export function goodStatus({ownStatus, signed: {certificate}}, root, now) {
  const refuse = (/** @type {string} */ detail, code = 'authority-status') => new Refusal(code, 'V5', detail);
  if (!ownStatus) throw refuse('no response about the authority is enclosed');
  const {status, validity, detail} = judge(ownStatus, certificate, root, now);
  if (status === 'revoked') throw refuse("the authority's certificate is revoked", 'authority-revoked');
  if (status !== 'good') throw refuse(detail);
  if (validity === null || validity > AUTHORITY_STATUS_LIFETIME)
    throw refuse(`a response for ${validity ?? 'ever, in'} seconds, expected ${AUTHORITY_STATUS_LIFETIME} at most`);
}
