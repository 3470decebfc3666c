#!/usr/bin/env node
/**
 * The conformance client (docs/conformance.md): a case a line on standard input, an answer a line on standard output.
 */

import {createInterface} from 'node:readline';
import {Refusal, Unreadable} from './src/refusal.js';
import {hex} from './src/octets.js';
import {DIRECTORY} from './src/oids.js';
import {readSigned} from './src/objects/signed.js';
import {readAnswer, readChoice} from './src/codec/tls.js';
import {readDocument} from './src/objects/directory.js';
import {readRequest} from './src/objects/request.js';
import {readVoucher} from './src/objects/voucher.js';
import {readCertificate} from './src/pki/certificate.js';
import {addressOf} from './src/pki/hosts.js';
import {namedVouchers} from './src/verify/cached.js';
import {verifyConnection} from './src/verify/connection.js';
import {acceptDirectory} from './src/verify/directory.js';
import {networkOf, verifyPrivate} from './src/verify/intranet.js';
import {select} from './src/verify/selection.js';
import {addressText} from './src/pki/hosts.js';

const octets = (/** @type {string} */ text) => Buffer.from(text, 'base64');
const seconds = (/** @type {string} */ text) => Date.parse(text) / 1000;
const keys = (/** @type {string[]} */ list) => list.map((one) => readCertificate(octets(one)).key.hash);
const directoryOf = (/** @type {any} */ {directory, publishers, now}) =>
  acceptDirectory(null, octets(directory), seconds(now), keys(publishers)).directory;

/** What was accepted before was so in its time; what cannot be read has none. @param {Uint8Array} one */
function whenIssued(one) {
  try {
    return readDocument(readSigned(one, DIRECTORY, false).content).issued;
  } catch {
    return 0;
  }
}

/** Answers by kind; what is refused is thrown. @type {Record<string, (input: any) => object>} */
const ANSWERS = {
  connection(input) {
    const {staple, answer, vouchers, cached} = input;
    const handshake = {
      ...input,
      chain: input.chain.map(octets),
      staple: staple === null ? null : octets(staple),
      answer: typeof answer === 'string' ? octets(answer) : null,
      vouchers: vouchers?.map(octets),
      cached: cached?.map(octets),
    };
    const verdict = verifyConnection(handshake, directoryOf(input), input.policy, seconds(input.now));
    return {vouchers: verdict.vouchers.filter(({refusal}) => !refusal).map(({hash}) => hash)};
  },
  cached(input) {
    const address = input.peerAddress === null ? null : addressOf(input.peerAddress);
    const peer = {directory: directoryOf(input), policy: input.policy, now: seconds(input.now), address};
    return {
      cached: namedVouchers(
        input.vouchers.map((/** @type {string} */ one) => readVoucher(octets(one))),
        peer,
      ),
    };
  },
  choice(input) {
    return readChoice(octets(input.extension)) ?? {verdict: 'ignored'};
  },
  vouchers(input) {
    return {vouchers: readAnswer(octets(input.extension)).map((one) => Buffer.from(one).toString('base64'))};
  },
  request(input) {
    const {addresses, port, serverName} = readRequest(octets(input.request));
    return {addresses: addresses.map(addressText), port, serverName};
  },
  directory(input) {
    const now = seconds(input.now);
    const former = keys(input.formerPublishers ?? input.publishers);
    /** @type {import('./src/verify/directory.js').Record | null} */
    let record = null;
    for (const one of input.history.map(octets)) ({record} = acceptDirectory(record, one, whenIssued(one), former));
    acceptDirectory(record, octets(input.directory), now, keys(input.publishers));
    return {};
  },
  selection(input) {
    const {destination, candidates, excludedRegions} = input;
    const chosen = select(
      directoryOf(input),
      Buffer.from(input.key, 'hex'),
      destination,
      candidates,
      seconds(input.now),
      excludedRegions,
    );
    return {candidates: chosen.map(({id}) => id)};
  },
  intranet(input) {
    const networks = input.networks.map((/** @type {any} */ one) => ({
      ...one,
      roots: one.roots.map((/** @type {string} */ root) => readCertificate(octets(root))),
    }));
    const found = networkOf(networks, input.serverName);
    if (!found) return {verdict: 'ignored'};
    const handshake = {
      ...input,
      chain: input.chain.map(octets),
      staple: input.staple === null ? null : octets(input.staple),
    };
    const responder = (/** @type {any} */ {hash}) => (hash in input.responders ? octets(input.responders[hash]) : null);
    verifyPrivate(handshake, found.network, responder, seconds(input.now));
    return {domain: found.domain};
  },
};

/** @param {{kind: string, input: any}} question */
function answer({kind, input}) {
  try {
    return {verdict: 'accepted', ...ANSWERS[kind](input)};
  } catch (error) {
    if (error instanceof Refusal)
      return {verdict: 'refused', reason: error.code, rule: error.rule, detail: error.detail};
    if (error instanceof Unreadable) return {verdict: 'refused', reason: 'malformed', detail: error.message};
    throw error;
  }
}

for await (const line of createInterface({input: process.stdin, crlfDelay: Infinity})) {
  const question = JSON.parse(line);
  process.stdout.write(`${JSON.stringify({id: question.id, ...answer(question)})}\n`);
}
