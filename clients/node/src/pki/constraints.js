/** Name constraints (RFC 5280 section 4.2.1.10) as step 6 of 12.2 has them. */

import * as oids from '../oids.js';

/** @typedef {import('./certificate.js').Certificate} Certificate */
/** @typedef {import('./names.js').GeneralName} GeneralName */

/** A path is not decided by names that cannot be held against a constraint; it just does not lead through that CA. */
const PROCESSED = ['dns', 'ip'];

/**
 * Says whether the constraints of `issuer`, if there are any, allow the names of those below it.
 * @param {Certificate} issuer @param {Certificate[]} below the end entity first
 */
export function allows(issuer, below) {
  const constraints = issuer.says[oids.NAME_CONSTRAINTS];
  if (!constraints) return true;
  const {permitted = [], excluded = []} = constraints;
  if (![...permitted, ...excluded].every(processable)) return false;
  return below.flatMap(names).every((name) => allowed(name, permitted, excluded));
}

/** @param {any} subtree */
function processable({base, minimum, maximum}) {
  if (minimum !== undefined || maximum !== undefined) return false;
  return base.kind !== 'dns' || (base.value !== '' && !base.value.startsWith('.'));
}

/**
 * The subject alternative names that count: those of self-issued CAs do not.
 * @param {Certificate} certificate
 * @param {number} at
 * @returns {GeneralName[]}
 */
function names(certificate, at) {
  const selfIssued = Buffer.compare(certificate.issuer.raw, certificate.subject.raw) === 0;
  return at > 0 && selfIssued ? [] : (certificate.says[oids.SUBJECT_ALT_NAME] ?? []);
}

/** @param {GeneralName} name @param {any[]} permitted @param {any[]} excluded */
function allowed(name, permitted, excluded) {
  const ofKind = (/** @type {any} */ {base}) => base.kind === name.kind;
  const inside = permitted.filter(ofKind);
  const outside = excluded.filter(ofKind);
  if (inside.length + outside.length === 0) return true;
  if (!PROCESSED.includes(name.kind)) return false;
  const holds = (/** @type {any} */ {base}) => (name.kind === 'dns' ? holdsName : holdsAddress)(base.value, name.value);
  return (inside.length === 0 || inside.some(holds)) && !outside.some(holds);
}

/** @param {string} base @param {string} name */
function holdsName(base, name) {
  const [domain, below] = [base.toLowerCase(), name.toLowerCase()];
  return below === domain || below.endsWith(`.${domain}`);
}

/** @param {Uint8Array} base an address and its mask @param {Uint8Array} address */
function holdsAddress(base, address) {
  const size = address.length;
  return base.length === 2 * size && address.every((octet, at) => ((octet ^ base[at]) & base[size + at]) === 0);
}
