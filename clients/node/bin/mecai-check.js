#!/usr/bin/env node
/**
 * Checks a server: do authorities vouch for the certificate that it shows here?
 * Exit codes: 0 accepted, 1 refused, 2 usage, 3 no connection, or a damaged profile or full output.
 */

import {closeSync, constants, openSync, readSync} from 'node:fs';
import {homedir} from 'node:os';
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import {Profile, Refusal, connect, keysOfPem} from '../src/index.js';
import {DIRECTORY_OCTETS} from '../src/limits.js';

const USAGE = `usage: mecai-check HOST[:PORT] --directory FILE --publishers FILE
  --address ADDRESS     connect there
  --candidates K        how many authorities may be asked (3)
  --quorum M            how many of them must vouch (1)
  --context NAME        the directory's own by default; may be given more than once
  --probe-port PORT     where the authorities look, 1 to 1023 (PORT)
  --profile FOLDER      where the client keeps its key and its record (~/.local/state/mecai-node)
  --timeout SECONDS     for the handshake, and for each authority (30)
  --json                one object in JSON`;
const TEXT = /** @type {const} */ ({type: 'string'});
const OPTIONS = /** @type {const} */ ({
  directory: TEXT,
  publishers: TEXT,
  address: TEXT,
  candidates: TEXT,
  quorum: TEXT,
  profile: TEXT,
  timeout: TEXT,
  'probe-port': TEXT,
  context: {type: 'string', multiple: true},
  json: {type: 'boolean'},
  help: {type: 'boolean'},
});
const HOST = /^(\[[^\]]+\]|[^:]+|[^:]*:[^:]*:.*)(?::([0-9]+))?$/; // an IPv6 address without brackets has no port behind it

/** What is wrong with the command line. */
class Usage extends Error {}

/** @param {string | undefined} text @param {string} name @returns {number | undefined} */
function whole(text, name) {
  if (text !== undefined && !/^[1-9][0-9]{0,5}$/.test(text))
    throw new Usage(`--${name} ${text}: expected a number from 1`);
  return text === undefined ? undefined : Number(text);
}

/** @param {string} path @param {string} what */
function contents(path, what) {
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return Buffer.concat([...pieces(file)]);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new Usage(`--${what} ${path}: ${/** @type {Error} */ (error).message}`);
  }
}

const PIECE = 1024 * 1024; // octets
const SILENCE = 10_000; // milliseconds, in which nothing is written into a pipe
const PAUSE = 20; // milliseconds

/** What a file or a pipe holds, as much as a directory may have. @param {number} file */
function* pieces(file) {
  let end = Date.now() + SILENCE;
  for (let size = 0; size <= DIRECTORY_OCTETS; ) {
    const piece = Buffer.alloc(PIECE);
    const read = readNow(file, piece);
    if (read === 0) return;
    if (read === null) {
      if (Date.now() > end) throw new Error(`nothing came for ${SILENCE / 1000} s`);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
      continue;
    }
    end = Date.now() + SILENCE;
    size += read;
    yield piece.subarray(0, read);
  }
  throw new Error(`more than ${DIRECTORY_OCTETS} octets`);
}

/** @param {number} file @param {Buffer} piece @returns {number | null} null: nothing yet */
function readNow(file, piece) {
  try {
    return readSync(file, piece);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EAGAIN') return null;
    throw error;
  }
}

function commandLine() {
  try {
    return parseArgs({options: OPTIONS, allowPositionals: true});
  } catch (error) {
    throw new Usage(/** @type {Error} */ (error).message);
  }
}

/** @returns {import('../src/direct/connect.js').Options} */
function asked() {
  const {values, positionals} = commandLine();
  const [, host, port] = HOST.exec(positionals[0] ?? '') ?? [];
  if (!host || positionals.length > 1 || !values.directory || !values.publishers) throw new Usage(USAGE);
  const pins = keysOfPem(contents(values.publishers, 'publishers').toString());
  const profile = new Profile(values.profile ?? join(homedir(), '.local', 'state', 'mecai-node'));
  const seconds = whole(values.timeout, 'timeout');
  return {
    host: host.replace(/^\[(.*)\]$/, '$1'),
    port: whole(port, 'port'),
    address: values.address,
    candidates: whole(values.candidates, 'candidates'),
    quorum: whole(values.quorum, 'quorum'),
    contexts: values.context,
    probePort: whole(values['probe-port'], 'probe-port'),
    timeout: seconds && seconds * 1000,
    key: profile.key,
    directory: profile.accept(contents(values.directory, 'directory'), pins),
  };
}

/** @param {any} result @returns {string} for a person */
function told({verdict, code, rule, detail, peerAddress, vouchers}) {
  if (verdict === 'refused') return `refused, ${code} (${rule}): ${detail}`;
  const lines = vouchers.map((/** @type {any} */ {ownerGroup, hash, refusal}) =>
    refusal ? `  set aside: ${refusal}` : `  ${ownerGroup} vouches, voucher ${hash}`,
  );
  return [`accepted at ${peerAddress}`, ...lines].join('\n');
}

/** @returns {Promise<object>} the verdict @throws {Error} there is none */
async function check() {
  try {
    const {socket, peerAddress, vouchers} = await connect(asked());
    socket.destroy();
    return {
      verdict: 'accepted',
      peerAddress,
      vouchers: vouchers.map((one) => ({...one, refusal: one.refusal?.message ?? null})),
    };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    process.exitCode = 1;
    const {code, rule, detail} = error;
    return {verdict: 'refused', code, rule, detail};
  }
}

/** What a terminal would obey (control, format, surrogate, private, unassigned), but the end of a line. */
const OBEYED = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;

/** @param {string} text @returns {Promise<void>} once it is written; a reader who has left (`| head`) is no fault */
function say(text) {
  return new Promise((resolve, reject) => {
    process.stdout.once('error', () => {}); // the callback hears it, too
    process.stdout.write(`${text.replace(OBEYED, '\ufffd')}\n`, (error) => {
      const code = /** @type {NodeJS.ErrnoException | null | undefined} */ (error)?.code;
      if (error && code !== 'EPIPE') reject(new Error(`standard output: cannot be written (${code})`));
      else resolve();
    });
  });
}

try {
  if (process.argv.includes('--help')) {
    await say(USAGE);
  } else {
    const result = await check();
    await say(process.argv.includes('--json') ? JSON.stringify(result) : told(result));
  }
} catch (error) {
  const {name, message} = /** @type {Error} */ (error);
  console.error(`mecai-check: ${message.replace(OBEYED, '\ufffd')}`);
  process.exitCode = error instanceof Usage || ['RangeError', 'Unreadable'].includes(name) ? 2 : 3;
}
