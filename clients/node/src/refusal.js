/**
 * What every part of this package throws where a rule of the specification refuses.
 */

/** A refusal: `code` is a reason code of section 11, `rule` the number of the rule that gives it. */
export class Refusal extends Error {
  /**
   * @param {string} code a reason code of section 11, or in `codec/tls.js` the name of a TLS alert
   * @param {string} rule such as `V5`
   * @param {string} detail what was seen, and what was expected
   */
  constructor(code, rule, detail) {
    super(`${code} (${rule}): ${detail}`);
    this.name = 'Refusal';
    this.code = code;
    this.rule = rule;
    this.detail = detail;
  }
}

/** Octets that cannot be read (I6, 12.5). The place where they stand decides what code that has. */
export class Unreadable extends Error {
  /** @param {string} message what was seen, and what was expected */
  constructor(message) {
    super(message);
    this.name = 'Unreadable';
  }
}

/**
 * Does `work`; where it finds something unreadable, that is a refusal by `code` and `rule`.
 * @template T
 * @param {string} code
 * @param {string} rule
 * @param {() => T} work
 * @returns {T}
 */
export function readingAs(code, rule, work) {
  try {
    return work();
  } catch (error) {
    if (error instanceof Unreadable) throw new Refusal(code, rule, error.message);
    throw error;
  }
}
