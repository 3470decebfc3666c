/** Names in certificates: distinguished names and GeneralNames, as 12.5 has them. */

import {hex} from '../octets.js';
import {Unreadable} from '../refusal.js';
import {TEXTS, utf8} from '../codec/leaves.js';
import {
  ANY,
  IA5_STRING,
  OCTET_STRING,
  OID,
  choice,
  explicit,
  implicit,
  octets,
  sequence,
  sequenceOf,
  setOf,
  such,
  withRaw,
} from '../codec/types.js';

/** @typedef {import('../octets.js').Octets} Octets */
/** @typedef {{raw: Octets, empty: boolean}} Name compared octet for octet */
/** @typedef {{kind: string, value: any}} GeneralName */

/** NumericString, the older texts and VisibleString; OCTET STRING and the times: what is in them is UTF-8 (12.5). */
const OTHERS = [4, 18, 20, 21, 23, 24, 25, 26, 27];

/** A value in a name. @type {import('../codec/types.js').Type<string>} */
const TEXT = {
  tags: [...Object.keys(TEXTS), ...OTHERS].map((number) => `u${number}`),
  read: ({constructed, tag, content}) => {
    if (constructed) throw new Unreadable('a text in pieces');
    return (TEXTS[Number(tag.slice(1))] ?? utf8)(content);
  },
};
const ATTRIBUTE = sequence({type: OID, value: TEXT});
const distinct = (/** @type {any[]} */ said) => new Set(said.map(({raw}) => hex(raw))).size === said.length;
const PARTS = such(setOf(withRaw(ATTRIBUTE), 1), distinct, 'a part of a name that says one thing twice');

/** @type {import('../codec/types.js').Type<Name>} */
export const NAME = such(
  withRaw(sequenceOf(PARTS)),
  () => true,
  '',
  ({raw, value}) => ({raw, empty: value.length === 0}),
);

const OTHER_NAME = sequence({type: OID, value: explicit(0, ANY)});

/** x400Address [3] and ediPartyName [5] are kinds that readers do not have (ADR 0018). @param {any} address */
function generalName(address) {
  return choice({
    other: implicit(0, OTHER_NAME),
    mail: implicit(1, IA5_STRING),
    dns: implicit(2, IA5_STRING),
    directory: explicit(4, NAME),
    uri: implicit(6, IA5_STRING),
    ip: implicit(7, address),
    registered: implicit(8, OID),
  });
}

export const GENERAL_NAME = generalName(octets(4, 16));
/** Of an empty list nothing is said but that it is read (12.5). */
export const GENERAL_NAMES = sequenceOf(GENERAL_NAME);
/** The base of a subtree, whose address has a mask behind it (RFC 5280 section 4.2.1.10). */
export const SUBTREE_NAME = generalName(such(OCTET_STRING, isNetwork, 'no network of addresses'));

/** @param {Octets} octets an address and its mask, whose ones go before its zeros */
function isNetwork(octets) {
  const half = octets.length / 2;
  if (half !== 4 && half !== 16) return false;
  const mask = Array.from(octets.subarray(half), (octet) => octet.toString(2).padStart(8, '0')).join('');
  return !mask.includes('01');
}
