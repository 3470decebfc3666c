/** Which kept vouchers a client names to a server (C5): section 12.8. */

import {NAMED_LIFE, NAMED_VOUCHERS} from '../limits.js';
import {Refusal} from '../refusal.js';
import {fitsPeer, isCandidate} from './voucher.js';

/**
 * @param {import('../objects/voucher.js').Voucher[]} kept for the host name, in the order in which they were kept
 * @param {import('./voucher.js').Peer} peer
 * @returns {string[]} hashes
 */
export function namedVouchers(kept, peer) {
  const fitting = kept.filter((voucher) => voucher.nextUpdate - peer.now >= NAMED_LIFE && fits(voucher, peer));
  return [...new Set(fitting.map(({hash}) => hash))].slice(0, NAMED_VOUCHERS);
}

/** @param {import('../objects/voucher.js').Voucher} voucher @param {import('./voucher.js').Peer} peer */
function fits(voucher, peer) {
  try {
    isCandidate(voucher, peer);
    fitsPeer(voucher, peer);
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}
