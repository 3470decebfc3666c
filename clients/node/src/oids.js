/** Every object identifier that a verifier knows. */

const ARC = '1.3.6.1.4.1.32473.4'; // I1
export const VOUCHER_INFO = `${ARC}.1.1`;
export const DIRECTORY = `${ARC}.1.3`;
export const VOUCHER_SIGNING = `${ARC}.2.1`;

export const SIGNED_DATA = '1.2.840.113549.1.7.2';
export const CONTENT_TYPE = '1.2.840.113549.1.9.3';
export const MESSAGE_DIGEST = '1.2.840.113549.1.9.4';
export const SIGNING_CERTIFICATE_V2 = '1.2.840.113549.1.9.16.2.47';
export const RI_OCSP_RESPONSE = '1.3.6.1.5.5.7.16.2';

export const OCSP_BASIC = '1.3.6.1.5.5.7.48.1.1';
export const OCSP_NONCE = '1.3.6.1.5.5.7.48.1.2';
export const OCSP_NOCHECK = '1.3.6.1.5.5.7.48.1.5';
export const AD_OCSP = '1.3.6.1.5.5.7.48.1';

export const SUBJECT_KEY_IDENTIFIER = '2.5.29.14';
export const KEY_USAGE = '2.5.29.15';
export const SUBJECT_ALT_NAME = '2.5.29.17';
export const BASIC_CONSTRAINTS = '2.5.29.19';
export const NAME_CONSTRAINTS = '2.5.29.30';
export const AUTHORITY_KEY_IDENTIFIER = '2.5.29.35';
export const EXTENDED_KEY_USAGE = '2.5.29.37';
export const AUTHORITY_INFO_ACCESS = '1.3.6.1.5.5.7.1.1';

export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
export const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9';
export const ANY_EXTENDED_KEY_USAGE = '2.5.29.37.0';

export const RSA = '1.2.840.113549.1.1.1';
export const RSA_PSS = '1.2.840.113549.1.1.10';
export const EC = '1.2.840.10045.2.1';
export const MGF1 = '1.2.840.113549.1.1.8';
/** @type {Record<string, string>} by object identifier, as Node names them */
export const CURVES = {'1.2.840.10045.3.1.7': 'P-256', '1.3.132.0.34': 'P-384', '1.3.132.0.35': 'P-521'};
/** @type {Record<string, string>} */
export const SHA2 = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
export const SHA1 = '1.3.14.3.2.26';
/** @type {Record<string, string>} */
export const ECDSA = {
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
};
/** @type {Record<string, string>} */
export const PKCS1 = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
};
