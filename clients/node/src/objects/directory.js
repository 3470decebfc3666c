/**
 * A directory's document (section 7): D1, D3 (lifetime), D5, D6, D8. Its signature is `verify/directory.js`'s to judge.
 */

import Ajv2020 from 'ajv/dist/2020.js';
import {readFileSync} from 'node:fs';
import {DIRECTORY_LIFETIME} from '../limits.js';
import {fromBase64} from '../octets.js';
import {Unreadable} from '../refusal.js';
import {readJson} from '../codec/json.js';
import {momentOf} from '../codec/leaves.js';
import {readAs} from '../codec/types.js';
import {readCertificate} from '../pki/certificate.js';
import {addressOf, isHostName} from '../pki/hosts.js';
import {KEY, ofK3} from '../pki/keys.js';

/** @typedef {import('../octets.js').Octets} Octets */
/** @typedef {import('../pki/certificate.js').Certificate} Certificate */
/** @typedef {import('../pki/keys.js').Key} Key */
/** @typedef {{url: string, roots: Certificate[]}} Server */
/**
 * @typedef {{name: string, ownerGroup: string, region: string, id: string, roots: Certificate[], subordinates: string[], servers: Server[]}} Authority
 */
/**
 * @typedef {object} Directory
 * @property {string} context
 * @property {number} sequence
 * @property {number} issued in seconds since 1970-01-01 UTC
 * @property {number} expires
 * @property {Authority[]} authorities
 * @property {(key: Key, now: number) => boolean} distrusts whether it distrusts a CA's key by then (D7)
 * @property {Certificate[]} publishers the pins that follow
 * @property {Certificate[]} roots of all authorities, in their order
 * @property {Map<string, Set<string>>} owners owner groups by the SPKI hash of each key that they list
 */

const SCHEMA = JSON.parse(readFileSync(new URL('./directory.schema.json', import.meta.url), 'utf8'));
/** @type {import('ajv').ValidateFunction<any>} */
const valid = new Ajv2020.default({strict: false}).compile(SCHEMA);
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

/** @param {Octets} octets the eContent @returns {Directory} @throws {Unreadable} */
export function readDocument(octets) {
  /** @type {any} */
  const document = readJson(octets);
  if (!valid(document))
    throw new Unreadable(`not valid by the schema: ${valid.errors?.[0].instancePath} ${valid.errors?.[0].message}`);
  const [issued, expires] = [document.issued, document.expires].map(moment);
  if (expires <= issued || expires - issued > DIRECTORY_LIFETIME)
    throw new Unreadable('it ends before it begins, or later than 30 days after (D3)');
  if (document.sequence > issued) throw new Unreadable(`sequence ${document.sequence} is above issued (D3)`);
  const authorities = document.authorities.map(authorityOf);
  const ids = authorities.map((/** @type {Authority} */ {id}) => id);
  if (new Set(ids).size < ids.length) throw new Unreadable('a VA id in two entries (D6)');
  return {
    context: document.context,
    sequence: document.sequence,
    issued,
    expires,
    authorities,
    distrusts: distrustOf(document.distrust),
    publishers: document.publishers.map(certificateOf),
    roots: authorities.flatMap((/** @type {Authority} */ {roots}) => roots),
    owners: ownersOf(authorities),
  };
}

/** @param {any[]} entries @returns {(key: Key, now: number) => boolean} */
function distrustOf(entries) {
  entries.forEach(({reason}) => printable(reason));
  const list = entries.map(({spki, time}) => ({spki, since: moment(time)}));
  return ({hash}, now) => list.some(({spki, since}) => spki === hash && since <= now);
}

/** @param {any} entry @returns {Authority} */
function authorityOf({name, ownerGroup, region, id, roots, subordinates, servers, mail, reportKey}) {
  [name, ownerGroup, region].forEach(printable);
  const certificates = roots.map(certificateOf);
  if (!certificates.some((/** @type {Certificate} */ {key}) => key.hash.startsWith(id)))
    throw new Unreadable(`${id} is the id of none of its roots (D6)`);
  if (mail) {
    printable(mail.sender);
    taken(certificateOf(mail.certificate).key);
  }
  if (reportKey) taken(readAs(KEY, octetsOf(reportKey)));
  return {name, ownerGroup, region, id, roots: certificates, subordinates, servers: servers.map(serverOf)};
}

/** @param {Key} key of mail or reports (D5) */
function taken(key) {
  if (!ofK3(key)) throw new Unreadable('a key for mail or reports that is none of K3 (D5)');
}

/** @param {any} server @returns {Server} */
function serverOf({url, roots}) {
  const [, host, port] = /^https:\/\/(\[[^\]/]*\]|[^\]:/[]*)(?::([^/]*))?(?:\/.*)?$/.exec(url) ?? [];
  const named = host?.startsWith('[')
    ? addressOf(host.slice(1, -1)) && host.includes(':')
    : host !== undefined && isHost(host);
  const right = port === undefined || (/^[0-9]+$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535);
  if (!named || !right) throw new Unreadable(`no URL of a VAS: ${url} (D5)`);
  return {url, roots: roots.map(certificateOf)};
}

/** @param {string} text */
function isHost(text) {
  return isHostName(text.toLowerCase()) || (addressOf(text) !== null && !text.includes(':'));
}

/** @param {string} text base64 @returns {Octets} */
function octetsOf(text) {
  const octets = fromBase64(text);
  if (!octets) throw new Unreadable('base64 that is not padded, or has unused bits set (D1)');
  return octets;
}

/** @param {string} text @returns {Certificate} */
function certificateOf(text) {
  return readCertificate(octetsOf(text));
}

/** @param {string} text @returns {number} */
function moment(text) {
  const seconds = momentOf(text);
  if (seconds === null) throw new Unreadable(`no moment that there is: ${text} (D1)`);
  return seconds;
}

/** @param {string} text */
function printable(text) {
  if (UNPRINTABLE.test(text))
    throw new Unreadable(`a text with a character that does not print (D1): ${JSON.stringify(text)}`);
}

/** @param {Authority[]} authorities */
function ownersOf(authorities) {
  /** @type {Map<string, Set<string>>} */
  const owners = new Map();
  for (const {ownerGroup, roots, subordinates} of authorities) {
    for (const key of [...roots.map((root) => root.key.hash), ...subordinates]) {
      owners.set(key, (owners.get(key) ?? new Set()).add(ownerGroup));
    }
  }
  return owners;
}
