/** What a client keeps between its connections: the key of its choices (S2), and which directories it accepted (D3). */

import {randomBytes} from 'node:crypto';
import {closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {acceptDirectory} from './verify/directory.js';

/** @typedef {import('./octets.js').Octets} Octets */
/** @typedef {import('./verify/directory.js').Record} Record */

const KEY = 'selection.key';
const RECORD = 'directories.json';
const HASH = /^[0-9a-f]{64}$/;

/** A folder that is its user's own; two processes may use it, and the last one that writes a record wins. */
export class Profile {
  /** @param {string} folder is made where it is not there @throws {Error} it cannot be used, or its key is none */
  constructor(folder) {
    this.folder = folder;
    mkdirSync(folder, {recursive: true, mode: 0o700});
    if (!this.#read(KEY)) this.#write(KEY, randomBytes(32));
    /** @type {Uint8Array} of 32 octets */
    this.key = /** @type {Buffer} */ (this.#read(KEY));
    if (this.key.length !== 32) throw new Error(`${join(folder, KEY)}: ${this.key.length} octets, expected 32`);
  }

  /**
   * Accepts a directory, and stores that durably before it is used (D3).
   * @param {Octets} octets @param {string[]} pins SPKI hashes of the publishers' keys @param {number} [now] in seconds
   * @returns {import('./objects/directory.js').Directory} @throws {import('./refusal.js').Refusal}
   * @throws {Error} what is stored is damaged: an older directory could not be told any more
   */
  accept(octets, pins, now = Date.now() / 1000) {
    const stored = this.#read(RECORD);
    const before = stored && recordOf(stored.toString(), join(this.folder, RECORD));
    const {directory, record} = acceptDirectory(before, octets, now, pins);
    if (record !== before) this.#write(RECORD, Buffer.from(JSON.stringify(record)));
    return directory;
  }

  /** @param {string} name @returns {Buffer | null} */
  #read(name) {
    try {
      return readFileSync(join(this.folder, name));
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return null;
      throw error;
    }
  }

  /** @param {string} name @param {Uint8Array} octets */
  #write(name, octets) {
    const whole = join(this.folder, name);
    const next = `${whole}.${process.pid}`;
    try {
      const file = openSync(next, 'w', 0o600);
      try {
        writeFileSync(file, octets); // all of them: a disk that is nearly full takes some, and `writeSync` is content
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(next, whole);
    } catch (error) {
      rmSync(next, {force: true});
      throw error;
    }
    const folder = openSync(this.folder, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }
}

/** @param {string} text @param {string} path @returns {Record} */
function recordOf(text, path) {
  const found = parsed(text);
  if (!isRecord(found))
    throw new Error(
      `${path}: is no record of accepted directories; restore it, or remove it to trust the directory at hand anew`,
    );
  return found;
}

/** @param {string} text @returns {unknown} undefined: it is no JSON */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @param {any} found @returns {found is Record} */
function isRecord(found) {
  const {firstPins, pins, highest, last} = found ?? {};
  const tables = [highest, last].every((table) => typeof table === 'object' && table !== null);
  return (
    tables &&
    [firstPins, pins, Object.values(last)].every((list) => Array.isArray(list) && list.every(isHash)) &&
    Object.values(highest).every((one) => Number.isSafeInteger(one?.sequence) && isHash(one.content))
  );
}

/** @param {unknown} text */
function isHash(text) {
  return typeof text === 'string' && HASH.test(text);
}
