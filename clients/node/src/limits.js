/** Every limit of the specification, with its unit. */

export const SKEW = 300; // seconds that another's clock may be ahead of ours (V7, E3, D4)
export const VOUCHER_OCTETS = 16 * 1024; // O5
export const ANSWER_OCTETS = 64_000; // T7
export const REQUEST_OCTETS = 64 * 1024; // R2
export const OCSP_OCTETS = 64 * 1024; // 12.6
export const DIRECTORY_OCTETS = 64 * 1024 * 1024; // of this package: the text has none
export const CERTIFICATES_PRESENTED = 10; // C4
export const PATH_CERTIFICATES = 10; // 12.2
export const PATH_CAS_BELOW = 8; // 12.2
export const RSA_MODULUS_BITS = 16_384; // K7, of a key that can be read
export const RSA_EXPONENT_BITS = 64; // K7
export const RSA_BITS = [2048, 8192]; // K3
export const SERIAL_OCTETS = 21; // 12.2
export const VA_LIFETIME = 366 * 86_400; // seconds (K2)
export const VOUCHER_LIFETIME = 72 * 3600; // seconds (O11), by default
export const AUTHORITY_STATUS_LIFETIME = 48 * 3600; // seconds (O4)
export const STATUS_AGE = 10 * 86_400; // seconds (E3)
export const PRIVATE_STATUS_AGE = 48 * 3600; // seconds (6.5)
export const SHORT_LIFE = 7 * 86_400; // seconds (E5)
export const DIRECTORY_LIFETIME = 30 * 86_400; // seconds (D3)
export const EPOCH = 2_592_000; // seconds for which a choice of authorities holds (S2)
export const NAMED_VOUCHERS = 16; // C5
export const NAMED_LIFE = 600; // seconds that a voucher has to live to be named (C5)
