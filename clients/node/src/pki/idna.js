/**
 * What a person types as a host name, as I8 has it: mapped by UTS 46, non-transitional, encoded by IDNA 2008.
 *
 * Node's URL parser maps and encodes by UTS 46, which lets through symbols that IDNA 2008 has not; they are refused here, as
 * RFC 5892 derives them from properties of Unicode.
 */

import {domainToASCII, domainToUnicode} from 'node:url';
import {addressOf, isHostName} from './hosts.js';

/** Letters and digits, which mapping left stable, and the exceptions of RFC 5892 section 2.6 that are valid. */
const VALID = /^[-\p{Ll}\p{Lo}\p{Lm}\p{Mn}\p{Mc}\p{Nd}\u06fd\u06fe\u0f0b\u3007\u200c\u200d]$/u;
/** Exceptions that are not valid, ignorable blocks, and old Hangul (sections 2.6, 2.8, 2.9). */
const INVALID =
  /[\u0640\u07fa\u302e\u302f\u3031-\u3035\u303b\u20d0-\u20ff\u{1d100}-\u{1d1ff}\u{1d200}-\u{1d24f}\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7fb]/u;
/**
 * Where a character of CONTEXTO may stand (RFC 5892 appendix A.3 to A.9): the label without what stands right.
 * @type {[RegExp, RegExp][]}
 */
const IN_CONTEXT = [
  [/\u00b7/u, /(?<=l)\u00b7(?=l)/gu],
  [/\u0375/u, /\u0375(?=\p{Script=Greek})/gu],
  [/[\u05f3\u05f4]/u, /(?<=\p{Script=Hebrew})[\u05f3\u05f4]/gu],
  [
    /\u30fb/u,
    /\u30fb(?=.*[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}])|(?<=[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}].*)\u30fb/gu,
  ],
];
const ARABIC_DIGITS = /[\u0660-\u0669]/u;
const EXTENDED_ARABIC_DIGITS = /[\u06f0-\u06f9]/u;

/**
 * Brings a name into the one form in which it is used.
 * @param {string} typed @returns {string | null} a host name by I8, or an IP address as it stands; null: neither
 */
export function canonicalName(typed) {
  if (addressOf(typed)) return typed;
  const ascii = domainToASCII(typed.replace(/[.\u3002\uff0e\uff61]$/u, ''));
  const unicode = domainToUnicode(ascii);
  // Node 24 passes on what is all ASCII, and begins with xn--, unread: an A-label is one that its own U-label gives.
  const sound = isHostName(ascii) && domainToASCII(unicode) === ascii && unicode.split('.').every(isLabel);
  return sound ? ascii : null;
}

/** @param {string} label in Unicode */
function isLabel(label) {
  if (label.startsWith('xn--')) return false;
  if (ARABIC_DIGITS.test(label) && EXTENDED_ARABIC_DIGITS.test(label)) return false;
  if (IN_CONTEXT.some(([character, right]) => character.test(label.replace(right, '')))) return false;
  if (!/[^\x00-\x7f]/.test(label)) return true;
  const plain = label.replace(/[\u00b7\u0375\u05f3\u05f4\u30fb]/gu, '');
  return !INVALID.test(plain) && [...plain].every((character) => VALID.test(character));
}
