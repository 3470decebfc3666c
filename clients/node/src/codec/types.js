/**
 * Types of ASN.1 as values: each says which tags begin it, and reads a `Value` of `der.js` or throws `Unreadable`.
 *
 * A module that knows a structure writes it down with these, as its ASN.1 stands in the specification or RFC.
 */

import {Unreadable} from '../refusal.js';
import * as leaves from './leaves.js';
import {read} from './der.js';

/** @typedef {import('../octets.js').Octets} Octets */
/** @typedef {import('./der.js').Value} Value */
/**
 * @template T
 * @typedef {{tags: string[] | null, read: (value: Value) => T}} Type `tags` null: any
 */

/** @param {Type<any>} type @param {Value | undefined} value */
function begins(type, value) {
  return value !== undefined && (type.tags === null || type.tags.includes(value.tag));
}

/** @param {Type<any>} type @param {Value} value */
function taken(type, value) {
  if (!begins(type, value)) throw new Unreadable(`a value of tag ${value.tag}, expected ${type.tags?.join(' or ')}`);
  return type.read(value);
}

/**
 * Reads octets that are one value of `type` and nothing more.
 * @template T @param {Type<T>} type @param {Octets} octets @returns {T} @throws {Unreadable}
 */
export function readAs(type, octets) {
  return taken(type, read(octets));
}

/** @template T @param {number} number @param {(octets: Octets) => T} reader @returns {Type<T>} */
function primitive(number, reader) {
  return {
    tags: [`u${number}`],
    read: (value) => {
      if (value.constructed) throw new Unreadable(`a constructed value of type ${number}`);
      return reader(value.content);
    },
  };
}

export const BOOLEAN = primitive(1, leaves.boolean);
export const INTEGER = primitive(2, leaves.integer);
export const BIT_STRING = primitive(3, leaves.bitString);
export const OCTET_STRING = primitive(4, (octets) => octets);
export const OID = primitive(6, leaves.oid);
export const ENUMERATED = primitive(10, leaves.integer);
export const IA5_STRING = primitive(22, leaves.TEXTS[22]);
export const PRINTABLE_STRING = primitive(19, leaves.TEXTS[19]);
export const UTC_TIME = primitive(23, leaves.utcTime);
export const GENERALIZED_TIME = primitive(24, leaves.generalizedTime);
export const NULL = primitive(5, (octets) => {
  if (octets.length) throw new Unreadable('a NULL with content');
  return null;
});

/** GeneralizedTime without fraction (I7, RFC 5280 section 4.1.2.5.2), in seconds since 1970-01-01 UTC. */
export const SECONDS = such(
  GENERALIZED_TIME,
  (time) => !time.fraction,
  'a time with a fraction',
  (time) => time.seconds,
);

/** Any value, DER to its leaves, as it stands. @type {Type<Value>} */
export const ANY = {
  tags: null,
  read: (value) => {
    checked(value);
    return value;
  },
};

/** Any value whose inside is somebody else's to look at. @type {Type<Octets>} */
export const RAW = {tags: null, read: (value) => value.raw};

/** @type {Record<number, Type<any>>} */
const LEAVES = {1: BOOLEAN, 2: INTEGER, 3: BIT_STRING, 5: NULL, 6: OID, 10: ENUMERATED};

/** Constructed of the universal types: EXTERNAL, EMBEDDED PDV, SEQUENCE, SET. */
const CONSTRUCTED = [8, 11, 16, 17];

/** @param {Value} value without recursion, for others choose how deep it goes */
function checked(value) {
  const open = [value];
  for (let next = open.pop(); next; next = open.pop()) {
    const number = next.tag.startsWith('u') ? Number(next.tag.slice(1)) : -1;
    if (number >= 0 && CONSTRUCTED.includes(number) !== next.constructed)
      throw new Unreadable(`type ${number} in the wrong form`);
    LEAVES[number]?.read(next);
    if (number === 17) sorted(next.children);
    if (next.constructed) for (const child of next.children) open.push(child);
  }
}

/**
 * @template T, R
 * @param {Type<T>} type
 * @param {(value: T) => boolean} holds
 * @param {string} otherwise what was seen, if not
 * @param {(value: T) => R} [give] @returns {Type<R>}
 */
export function such(type, holds, otherwise, give = (value) => /** @type {any} */ (value)) {
  return {
    tags: type.tags,
    read: (value) => {
      const found = type.read(value);
      if (!holds(found)) throw new Unreadable(otherwise);
      return give(found);
    },
  };
}

/** @param {number} least @param {number} most @returns {Type<number>} */
export function integer(least, most) {
  const within = (/** @type {bigint} */ number) => number >= BigInt(least) && number <= BigInt(most);
  return such(INTEGER, within, `an INTEGER that is not within ${least} to ${most}`, Number);
}

/** @param {...number} sizes in octets @returns {Type<Octets>} */
export function octets(...sizes) {
  return such(
    OCTET_STRING,
    (found) => sizes.includes(found.length),
    `an OCTET STRING not of ${sizes.join(' or ')} octets`,
  );
}

/**
 * @template T
 * @param {Type<T>} type
 * @returns {Type<{raw: Octets, value: T}>} the value, and the octets that it came in
 */
export function withRaw(type) {
  return {tags: type.tags, read: (value) => ({raw: value.raw, value: type.read(value)})};
}

/**
 * @template T
 * @param {Type<T>} type
 * @returns {Type<T> & {optional: true}} as a member of a SEQUENCE: undefined if absent
 */
export function optional(type) {
  return {...type, optional: true};
}

/**
 * @param {Record<string, Type<any> & {optional?: boolean}>} members
 * @returns {Type<any>} an object with these members
 */
export function sequence(members) {
  return {
    tags: ['u16'],
    read: ({children}) => {
      /** @type {Record<string, any>} */
      const found = {};
      let at = 0;
      for (const [name, type] of Object.entries(members)) {
        const value = children[at];
        if (begins(type, value)) found[name] = type.read(value);
        else if (!type.optional)
          throw new Unreadable(`${name}: ${value ? `tag ${value.tag}` : 'nothing'} in its place`);
        else continue;
        at += 1;
      }
      if (at < children.length) throw new Unreadable(`tag ${children[at].tag} where the SEQUENCE should end`);
      return found;
    },
  };
}

/** @template T @param {Type<T>} type @param {number} [least] @param {number} [most] @returns {Type<T[]>} */
export function sequenceOf(type, least = 0, most = Infinity) {
  return {tags: ['u16'], read: (value) => listed(value, type, least, most)};
}

/**
 * A SET OF, sorted as DER has it.
 * @template T
 * @param {Type<T>} type
 * @param {number} [least]
 * @param {number} [most]
 * @returns {Type<T[]>}
 */
export function setOf(type, least = 0, most = Infinity) {
  return {
    tags: ['u17'],
    read: (value) => {
      sorted(value.children);
      return listed(value, type, least, most);
    },
  };
}

/** X.690 section 11.6. @param {Value[]} values */
function sorted(values) {
  if (values.some(({raw}, at) => at > 0 && Buffer.compare(values[at - 1].raw, raw) > 0))
    throw new Unreadable('a SET OF out of order');
}

/** @param {Value} value @param {Type<any>} type @param {number} least @param {number} most */
function listed({children}, type, least, most) {
  if (children.length < least || children.length > most) throw new Unreadable(`a list of ${children.length} values`);
  return children.map((child) => taken(type, child));
}

/** @template T @param {number} number @param {Type<T>} type @returns {Type<T>} */
export function explicit(number, type) {
  return {
    tags: [`c${number}`],
    read: ({children}) => {
      if (children.length !== 1) throw new Unreadable(`[${number}] does not hold one value`);
      return taken(type, children[0]);
    },
  };
}

/**
 * @template T
 * @param {number} number
 * @param {Type<T>} type one that looks at content and children alone
 * @returns {Type<T>}
 */
export function implicit(number, type) {
  return {tags: [`c${number}`], read: (value) => type.read(value)};
}

/** @param {Record<string, Type<any>>} kinds @returns {Type<{kind: string, value: any}>} */
export function choice(kinds) {
  return {
    tags: Object.values(kinds).flatMap((type) => type.tags ?? []),
    read: (value) => {
      const [kind, type] = /** @type {[string, Type<any>]} */ (
        Object.entries(kinds).find(([, type]) => begins(type, value))
      );
      return {kind, value: type.read(value)};
    },
  };
}
