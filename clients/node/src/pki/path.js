/** The search for a path from a server's certificate to a root: section 12.2. */

import * as oids from '../oids.js';
import {PATH_CAS_BELOW, PATH_CERTIFICATES} from '../limits.js';
import {inItsTime, isAuthority, issuedBy, onlyCritical, plainKeyIdentifier, sound} from './certificate.js';
import {allows} from './constraints.js';
import {isFor} from './hosts.js';
import {ofK7} from './keys.js';

/** @typedef {import('./certificate.js').Certificate} Certificate */

const OF_END_ENTITIES = [
  oids.BASIC_CONSTRAINTS,
  oids.KEY_USAGE,
  oids.EXTENDED_KEY_USAGE,
  oids.SUBJECT_ALT_NAME,
  oids.SUBJECT_KEY_IDENTIFIER,
];
export const OF_ISSUERS = [
  oids.BASIC_CONSTRAINTS,
  oids.KEY_USAGE,
  oids.EXTENDED_KEY_USAGE,
  oids.NAME_CONSTRAINTS,
  oids.SUBJECT_ALT_NAME,
];

/**
 * Finds the validated path: the first, depth first, in which nothing fails.
 * @param {Certificate[]} presented the end entity first
 * @param {Certificate[]} roots in the order of the directory
 * @param {string} asked the server's name, or its address
 * @param {number} now in seconds
 * @returns {Certificate[] | string} the end entity first, the root last; or why there is none
 */
export function findPath([end, ...others], roots, asked, now) {
  const fault = faultOfEnd(end, asked, now);
  if (fault) return fault;
  if (roots.some(({hash}) => hash === end.hash)) return "the server's certificate is itself a root";
  const search = new Search(others, roots, now);
  return search.from([end]) ?? 'no path leads to a root';
}

/**
 * Says what is wrong with an end entity, or nothing.
 * @param {Certificate} end
 * @param {string} asked
 * @param {number} now
 */
function faultOfEnd(end, asked, now) {
  const {says, extensions, subject} = end;
  const usage = says[oids.EXTENDED_KEY_USAGE];
  const names = extensions.get(oids.SUBJECT_ALT_NAME);
  if (!sound(end)) return 'not sound';
  if (!inItsTime(end, now)) return "out of the certificate's time";
  if (says[oids.BASIC_CONSTRAINTS]?.ca || says[oids.KEY_USAGE]?.has('keyCertSign'))
    return "the server's certificate is a CA's";
  if (extensions.has(oids.NAME_CONSTRAINTS)) return 'name constraints in an end entity';
  if (!extensions.has(oids.AUTHORITY_KEY_IDENTIFIER)) return 'no authority key identifier';
  if (usage && !usage.includes(oids.SERVER_AUTH)) return 'not for servers';
  if (!names || names.critical !== subject.empty)
    return 'subjectAltName is missing, or critical where it should not be';
  if (!isFor(end, asked)) return `not for ${asked}`;
  if (!ofK7(end.key)) return 'a key outside K7';
  if (!onlyCritical(end, OF_END_ENTITIES)) return 'a critical extension that is not processed';
  return '';
}

class Search {
  /** @param {Certificate[]} others presented beside the end entity @param {Certificate[]} roots @param {number} now */
  constructor(others, roots, now) {
    this.others = others;
    this.roots = roots;
    this.isRoot = new Set(roots.map(({hash}) => hash));
    this.now = now;
    /** @type {Map<string, boolean>} whether a root can be reached from there at all, by issuance alone */
    this.leads = new Map();
  }

  /** @param {Certificate[]} path so far, without a fault @returns {Certificate[] | null} */
  from(path) {
    if (path.length === PATH_CERTIFICATES) return null;
    const last = path[path.length - 1];
    for (const issuer of [...this.roots, ...this.others]) {
      const fits = issuedBy(last, issuer) && !path.some(({hash}) => hash === issuer.hash) && this.reaches(issuer);
      if (!fits || !this.mayIssue(issuer, path)) continue;
      const found = this.isRoot.has(issuer.hash) ? [...path, issuer] : this.from([...path, issuer]);
      if (found) return found;
    }
    return null;
  }

  /**
   * Says whether issuers of issuers lead to a root. What does not is left out of the search, whose time would otherwise
   * grow with the orders in which CAs can be strung together that certify each other.
   * @param {Certificate} certificate
   */
  reaches(certificate) {
    const known = this.leads.get(certificate.hash);
    if (known !== undefined) return known;
    const seen = new Set([certificate.hash]);
    const open = [certificate];
    for (let next = open.pop(); next; next = open.pop()) {
      if (this.isRoot.has(next.hash) || this.roots.some((root) => issuedBy(/** @type {Certificate} */ (next), root))) {
        this.leads.set(certificate.hash, true);
        return true;
      }
      for (const other of this.others) {
        if (seen.has(other.hash) || !issuedBy(next, other)) continue;
        seen.add(other.hash);
        open.push(other);
      }
    }
    this.leads.set(certificate.hash, false);
    return false;
  }

  /** @param {Certificate} issuer @param {Certificate[]} path below it, the end entity first */
  mayIssue(issuer, path) {
    const below = path.length - 1;
    const usage = issuer.says[oids.EXTENDED_KEY_USAGE];
    return (
      sound(issuer) &&
      inItsTime(issuer, this.now) &&
      !issuer.subject.empty &&
      isAuthority(issuer) &&
      below <= Math.min(issuer.says[oids.BASIC_CONSTRAINTS].pathLength, PATH_CAS_BELOW) &&
      (!usage || usage.includes(oids.SERVER_AUTH) || usage.includes(oids.ANY_EXTENDED_KEY_USAGE)) &&
      allows(issuer, path) &&
      ofK7(issuer.key) &&
      onlyCritical(issuer, OF_ISSUERS) &&
      plainKeyIdentifier(issuer)
    );
  }
}
