/** Which authorities a client names: section 6.1, S1, S2 and S4. */

import {createHmac} from 'node:crypto';
import {getDomain} from 'tldts';
import {EPOCH} from '../limits.js';
import {addressOf} from '../pki/hosts.js';
import {canonicalName} from '../pki/idna.js';

/** @typedef {import('../octets.js').Octets} Octets */
/** @typedef {import('../objects/directory.js').Authority} Authority */

/**
 * Chooses authorities, best first, at most one of an owner group.
 * @param {import('../objects/directory.js').Directory} directory
 * @param {Octets} key 32 octets of the client's profile
 * @param {string} destination host name, as a person types it (I8), or IP address
 * @param {number} count how many are wanted
 * @param {number} now in seconds since 1970-01-01 UTC
 * @param {string[]} [excludedRegions]
 * @returns {Authority[]} fewer than `count` where the directory has no more
 */
export function select({authorities, distrusts}, key, destination, count, now, excludedRegions = []) {
  const d = addressOf(destination) ?? Buffer.from(domainOf(canonicalName(destination) ?? destination));
  const epoch = epochOf(key, d, now);
  const eligible = authorities.filter(
    ({servers, roots, region}) =>
      servers.length && !excludedRegions.includes(region) && !roots.some((root) => distrusts(root.key, now)),
  );
  const scored = eligible.map((authority) => ({authority, score: score(key, epoch, d, authority.id)}));
  scored.sort((one, other) => Buffer.compare(other.score, one.score));
  const owners = new Set();
  const best = scored.filter(({authority}) => !owners.has(authority.ownerGroup) && owners.add(authority.ownerGroup));
  return best.slice(0, count).map(({authority}) => authority);
}

/** The registrable domain, by both sections of the Public Suffix List. @param {string} host */
function domainOf(host) {
  return getDomain(host, {allowPrivateDomains: true, validateHostname: false}) ?? host;
}

/** @param {Octets} key @param {Octets} d @param {number} now */
function epochOf(key, d, now) {
  const offset = hmac(key, Buffer.from('mecai-offset-v1\0'), d).readUInt32BE(0) % EPOCH;
  return BigInt(Math.floor((now + offset) / EPOCH));
}

/** @param {Octets} key @param {bigint} epoch @param {Octets} d @param {string} id */
function score(key, epoch, d, id) {
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(epoch);
  return hmac(key, Buffer.from('mecai-select-v1\0'), number, Uint8Array.from([d.length]), d, Buffer.from(id, 'hex'));
}

/** @param {Octets} key @param {...Octets} parts */
function hmac(key, ...parts) {
  return createHmac('sha256', key).update(Buffer.concat(parts)).digest();
}
