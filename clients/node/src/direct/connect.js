/**
 * A connection that demands vouchers, in direct mode (M5): the client asks the authorities itself.
 *
 * The chain is judged first: nobody is told of a server whose certificate is refused anyway. Then as many authorities are
 * asked at a time as vouchers are still wanted, in the client's order, so that no more are told than is needed.
 */

import {Refusal} from '../refusal.js';
import {writeRequest} from '../objects/request.js';
import {addressOf} from '../pki/hosts.js';
import {canonicalName} from '../pki/idna.js';
import {enough, judgeOne, verifyChain, vouching} from '../verify/connection.js';
import {select} from '../verify/selection.js';
import {askForVoucher} from './ask.js';
import {shakeHands} from './handshake.js';

/** @typedef {import('../octets.js').Octets} Octets */
/** @typedef {import('../objects/directory.js').Authority} Authority */
/** @typedef {import('../verify/connection.js').Judged} Judged */
/**
 * @typedef {object} Options
 * @property {string} host as a person types it (I8), or an address
 * @property {number} [port] 443 by default
 * @property {string} [address] where to connect, in the place of what the name resolves to
 * @property {number} [probePort] 1 to 1023, where the authorities look (O10); `port` by default
 * @property {import('../objects/directory.js').Directory} directory one that was accepted
 * @property {Uint8Array} key 32 random octets that this client keeps (S2)
 * @property {number} [candidates] how many authorities may be asked; 3 by default (S1)
 * @property {number} [quorum] how many of them must vouch; 1 by default
 * @property {string[]} [contexts] the directory's own by default (V10)
 * @property {string[]} [nat64Prefixes]
 * @property {string[]} [excludedRegions] (S4)
 * @property {number} [timeout] milliseconds for the handshake, and for each authority; 30,000 by default (R4)
 */
/** @typedef {{socket: import('node:tls').TLSSocket, vouchers: Judged[], peerAddress: string}} Connection */

/**
 * Connects to a server that enough authorities vouch for; no application data was exchanged before the verdict (C6).
 * @param {Options} options
 * @returns {Promise<Connection>}
 * @throws {Refusal} a rule refuses, and the connection is closed
 * @throws {RangeError} the options cannot be
 * @throws {Error} there was no connection
 */
export async function connect(options) {
  const {host, port = 443, address, timeout = 30_000} = options;
  const plan = planned(options);
  const shown = await shakeHands({host: address ?? plan.serverName, port, serverName: plan.serverName, timeout});
  try {
    return {socket: shown.socket, peerAddress: shown.peerAddress, vouchers: await judged(shown, plan, timeout)};
  } catch (error) {
    shown.socket.destroy(); // M1, M2
    throw error;
  }
}

/** @typedef {ReturnType<typeof planned>} Plan what is demanded, before anybody is spoken to */

/** @param {Options} options */
function planned({
  host,
  port = 443,
  directory,
  key,
  candidates = 3,
  quorum = 1,
  contexts,
  nat64Prefixes,
  excludedRegions,
  probePort = port,
}) {
  const serverName = canonicalName(host);
  if (serverName === null) throw new RangeError(`${host} is no host name and no address`);
  if (!(probePort >= 1 && probePort <= 1023))
    throw new RangeError(`authorities look at ports 1 to 1023, not at ${probePort} (probePort)`);
  const chosen = select(directory, key, serverName, candidates, Date.now() / 1000, excludedRegions);
  if (quorum < 1 || chosen.length < quorum) {
    throw new RangeError(`${quorum} vouchers are demanded, and there are ${chosen.length} authorities to ask (S1)`);
  }
  const policy = {
    candidates: chosen.map(({id}) => id),
    quorum,
    contexts: contexts ?? [directory.context],
    nat64Prefixes,
  };
  return {directory, policy, authorities: chosen, serverName, probePort};
}

/**
 * @param {import('./handshake.js').Shown} shown @param {Plan} plan @param {number} timeout
 * @returns {Promise<Judged[]>} of those that were asked
 * @throws {Refusal}
 */
async function judged(shown, plan, timeout) {
  const {directory, policy, authorities, serverName} = plan;
  const {chain} = verifyChain({...shown, serverName}, directory, Date.now() / 1000);
  const address = addressOf(shown.peerAddress);
  if (!address) throw new Refusal('address-unknown', 'V9', "the peer's address is not known");
  const request = requestFor(chain.path, address, plan);
  const judge = (/** @type {Octets} */ voucher) =>
    judgeOne(voucher, {directory, policy, address, now: Date.now() / 1000}, chain);
  // Those whose word would be their own praise (V6) are not told.
  const open = authorities.filter(({ownerGroup}) => !chain.owners.has(ownerGroup));
  if (open.length === 0) throw new Refusal('no-voucher', 'C1', 'every authority of the choice owns a CA of the chain');
  /** @type {Judged[]} */
  const found = [];
  while (open.length && vouching(found) < policy.quorum) {
    const turn = open.splice(0, policy.quorum - vouching(found));
    found.push(...(await Promise.all(turn.map((authority) => asked(authority, request, timeout, judge)))));
  }
  enough(found, policy);
  return found;
}

/** @param {import('../pki/certificate.js').Certificate[]} path @param {Octets} address @param {Plan} plan */
function requestFor(path, address, {serverName, probePort}) {
  const chain = path.slice(0, -1).map(({raw}) => raw);
  return writeRequest({chain, address, port: probePort, serverName: addressOf(serverName) ? null : serverName});
}

/**
 * @param {Authority} authority
 * @param {Octets} request
 * @param {number} timeout
 * @param {(voucher: Octets) => Judged} judge
 * @returns {Promise<Judged>} of its first server that has an answer
 */
async function asked({id, servers}, request, timeout, judge) {
  let refusal = null;
  for (const server of servers) {
    try {
      return judge(await askForVoucher(server, request, timeout));
    } catch (error) {
      if (!(error instanceof Refusal) || error.rule !== 'M5') throw error;
      refusal = error;
      if (error.code !== 'no-voucher') break;
    }
  }
  return {hash: null, authority: id, ownerGroup: null, refusal};
}
