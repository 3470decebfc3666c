/** The extensions of certificates that a verifier knows, each with its type of RFC 5280 (12.5). */

import * as oids from '../oids.js';
import {
  BIT_STRING,
  BOOLEAN,
  INTEGER,
  OCTET_STRING,
  OID,
  implicit,
  optional,
  readAs,
  sequence,
  sequenceOf,
  such,
} from '../codec/types.js';
import {GENERAL_NAME, GENERAL_NAMES, SUBTREE_NAME} from './names.js';

/** @typedef {import('../octets.js').Octets} Octets */
/** @typedef {{oid: string, critical: boolean, value: Octets}} Extension */

const TRUE = such(BOOLEAN, (found) => found, 'FALSE, which is the default, is written');

const BASIC_CONSTRAINTS = such(
  sequence({ca: optional(TRUE), pathLength: optional(such(INTEGER, (found) => found >= 0n, 'a negative path length'))}),
  ({ca, pathLength}) => ca || pathLength === undefined,
  'a path length beside CA FALSE',
  ({ca = false, pathLength}) => ({ca, pathLength: pathLength === undefined ? Infinity : Number(pathLength)}),
);

const USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
];
/** Its list of named bits may end in zeros (12.5). */
const KEY_USAGE = such(
  such(BIT_STRING, () => true, '', usagesOf),
  (found) => found.has('keyAgreement') || !(found.has('encipherOnly') || found.has('decipherOnly')),
  'encipherOnly or decipherOnly without keyAgreement',
);

/** @param {{bits: Octets}} found @returns {Set<string>} */
function usagesOf({bits}) {
  return new Set(USAGES.filter((_, at) => ((bits[at >> 3] ?? 0) << (at & 7)) & 128));
}

const SUBTREES = sequenceOf(
  sequence({
    base: SUBTREE_NAME,
    minimum: optional(
      implicit(
        0,
        such(INTEGER, (found) => found !== 0n, 'a minimum of 0, which is the default, is written'),
      ),
    ),
    maximum: optional(implicit(1, INTEGER)),
  }),
  1,
);

/** @type {Record<string, import('../codec/types.js').Type<any>>} */
const TYPES = {
  [oids.BASIC_CONSTRAINTS]: BASIC_CONSTRAINTS,
  [oids.KEY_USAGE]: KEY_USAGE,
  [oids.EXTENDED_KEY_USAGE]: sequenceOf(OID, 1),
  [oids.SUBJECT_ALT_NAME]: GENERAL_NAMES,
  [oids.SUBJECT_KEY_IDENTIFIER]: OCTET_STRING,
  [oids.AUTHORITY_KEY_IDENTIFIER]: such(
    sequence({
      keyIdentifier: optional(implicit(0, OCTET_STRING)),
      issuer: optional(implicit(1, GENERAL_NAMES)),
      serial: optional(implicit(2, INTEGER)),
    }),
    ({issuer, serial}) => (issuer === undefined) === (serial === undefined),
    "an issuer's name without its serial number, or the other way round",
  ),
  [oids.NAME_CONSTRAINTS]: such(
    sequence({permitted: optional(implicit(0, SUBTREES)), excluded: optional(implicit(1, SUBTREES))}),
    ({permitted, excluded}) => Boolean(permitted || excluded),
    'name constraints of nothing',
  ),
  [oids.AUTHORITY_INFO_ACCESS]: sequenceOf(sequence({method: OID, location: GENERAL_NAME}), 1),
};

const EXTENSION = sequence({oid: OID, critical: optional(TRUE), value: OCTET_STRING});

/** Extensions of a certificate or an OCSP response: at least one, none twice, `critical` FALSE never written. */
export const EXTENSIONS = such(
  sequenceOf(EXTENSION, 1),
  (list) => new Set(list.map(({oid}) => oid)).size === list.length,
  'an extension that occurs twice',
  (list) => new Map(list.map(({oid, critical = false, value}) => [oid, {oid, critical, value}])),
);

/**
 * @param {Map<string, Extension>} extensions
 * @returns {Record<string, any>} what each known one says, by object identifier
 * @throws {Unreadable} one is not of its type
 */
export function known(extensions) {
  const found = Object.entries(TYPES).flatMap(([oid, type]) => {
    const extension = extensions.get(oid);
    return extension ? [[oid, readAs(type, extension.value)]] : [];
  });
  return Object.fromEntries(found);
}
