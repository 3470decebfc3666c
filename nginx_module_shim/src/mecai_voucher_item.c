/* One file of the staple directory, checked: see the header. */

#include "mecai_voucher_item.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/cms.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>

/* id-ct-voucherInfo, as in mecai/protocol/oids.py */
#define ID_CT_VOUCHER_INFO  "1.3.6.1.4.1.32473.4.1.1"


bool
mecai_refuse(mecai_reason_t *reason, const char *format, ...)
{
    va_list  arguments;

    va_start(arguments, format);
    vsnprintf(reason->text, sizeof(reason->text), format, arguments);
    va_end(arguments);
    reason->from = reason->until = 0;
    reason->passing = reason->gone = false;
    return false;
}


static bool
check_time(const mecai_claims_t *claims, time_t now, mecai_reason_t *reason)
{
    time_t  from = claims->this_update - MECAI_CLOCK_SKEW_SECONDS;
    char    when[MECAI_TIME_TEXT];

    if (claims->next_update <= now) {
        mecai_refuse(reason, "expired, its nextUpdate was %s",
                     mecai_time_text(claims->next_update, when));
    } else if (now < from) {
        mecai_refuse(reason, "not yet valid, its thisUpdate is %s, more than "
                     "%d s ahead of this clock",
                     mecai_time_text(claims->this_update, when),
                     MECAI_CLOCK_SKEW_SECONDS);
    } else {
        return true;
    }
    reason->from = from;
    reason->until = claims->next_update;
    return false;
}


static mecai_item_t *
new_item(const uint8_t *der, size_t size, const mecai_claims_t *claims,
    mecai_reason_t *reason)
{
    mecai_item_t  *item = malloc(sizeof(*item) + size);

    if (item == NULL) {
        mecai_refuse(reason, "out of memory");
        reason->passing = true;
        return NULL;
    }
    item->claims = *claims;
    item->size = size;
    memcpy(item->der, der, size);
    return item;
}


/* OpenSSL for want of memory finds anything wrong. Leaves no error in its
 * queue. */
static void
excuse(mecai_reason_t *reason, const mecai_item_t *item)
{
    unsigned long  error;

    while ((error = ERR_get_error()) != 0) {
        if (item == NULL && ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) {
            mecai_refuse(reason, "out of memory");
            reason->passing = true;
        }
    }
}


static bool
content_type_is(const CMS_ContentInfo *cms, const char *dotted)
{
    const ASN1_OBJECT  *type = CMS_get0_eContentType((CMS_ContentInfo *) cms);
    char                text[64];
    int                 length = OBJ_obj2txt(text, sizeof(text), type, 1);

    return length > 0 && (size_t) length < sizeof(text)
           && strcmp(text, dotted) == 0;
}


/* Tells whether an RSA key costs no more than K3 and K7 let it. */
static bool
rsa_is_cheap(const EVP_PKEY *key)
{
    BIGNUM  *exponent = NULL;
    int      bits = EVP_PKEY_get_bits(key);
    bool     cheap;

    cheap = bits >= MECAI_RSA_BITS_MIN && bits <= MECAI_RSA_BITS_MAX
            && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1
            && BN_num_bits(exponent) <= MECAI_RSA_EXPONENT_BITS;
    BN_free(exponent);
    return cheap;
}


/* Says that a key cannot be read: OpenSSL does not say whether that was for
 * want of memory, in which case it can be now. */
static bool
refuse_unread(const X509 *certificate, mecai_reason_t *reason)
{
    unsigned char        *der = NULL;
    int                   size = i2d_X509_PUBKEY(
                                     X509_get_X509_PUBKEY(certificate), &der);
    const unsigned char  *next = der;
    EVP_PKEY             *key = d2i_PUBKEY(NULL, &next, size);

    mecai_refuse(reason, "the key of its certificate cannot be read");
    reason->passing = key != NULL;
    EVP_PKEY_free(key);
    OPENSSL_free(der);
    return false;
}


/* Refuses a key that no voucher has (K3), before it costs a verification. */
static bool
check_key(const X509 *certificate, mecai_reason_t *reason)
{
    const EVP_PKEY  *key = X509_get0_pubkey(certificate);
    char             group[32];
    bool             good = false;

    if (key == NULL) {
        return refuse_unread(certificate, reason);
    }
    if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS")) {
        good = rsa_is_cheap(key);
    } else if (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1) {
        good = strcmp(group, SN_X9_62_prime256v1) == 0
               || strcmp(group, SN_secp384r1) == 0;
    }
    return good || mecai_refuse(reason, "the key of its certificate is none of "
                                "P-256, P-384 and RSA of %d to %d bits",
                                MECAI_RSA_BITS_MIN, MECAI_RSA_BITS_MAX);
}


/* Checks the certificate inside and its key. */
static bool
check_signer(CMS_ContentInfo *cms, mecai_reason_t *reason)
{
    STACK_OF(X509)  *certificates = CMS_get1_certs(cms);
    bool             good;

    good = sk_X509_num(certificates) == 1
           && sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms)) == 1
           ? check_key(sk_X509_value(certificates, 0), reason)
           : mecai_refuse(reason,
                          "not exactly one signer with one certificate");
    sk_X509_pop_free(certificates, X509_free);
    return good;
}


static bool
check_envelope(CMS_ContentInfo *cms, mecai_reason_t *reason)
{
    ASN1_OCTET_STRING  **content;

    if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed) {
        return mecai_refuse(reason, "not a CMS SignedData");
    }
    if (!content_type_is(cms, ID_CT_VOUCHER_INFO)) {
        return mecai_refuse(reason, "not a voucher: its content type is not "
                            "id-ct-voucherInfo");
    }
    content = CMS_get0_content(cms);
    if (content == NULL || *content == NULL) {
        return mecai_refuse(reason, "no content inside the signature");
    }
    if (!check_signer(cms, reason)) {
        return false;
    }
    if (CMS_verify(cms, NULL, NULL, NULL, NULL,
                   CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) != 1)
    {
        return mecai_refuse(reason, "damaged: the signature does not verify");
    }
    return true;
}


/* Reads the content of a checked envelope and holds it against `subject`. */
static bool
check_content(CMS_ContentInfo *cms, const mecai_subject_t *subject,
    mecai_claims_t *claims, mecai_reason_t *reason)
{
    const ASN1_OCTET_STRING  *content = *CMS_get0_content(cms);
    const char               *wrong;

    wrong = mecai_read_info(ASN1_STRING_get0_data(content),
                            (size_t) ASN1_STRING_length(content), claims);
    if (wrong != NULL) {
        return mecai_refuse(reason, "malformed VoucherInfo: %s", wrong);
    }
    if (memcmp(claims->authority, subject->authority, MECAI_AUTHORITY_SIZE)
        != 0)
    {
        return mecai_refuse(reason, "foreign: of another Voucher Authority "
                            "than the file name says");
    }
    if (memcmp(claims->certificate_hash, subject->certificate_hash,
               MECAI_HASH_SIZE) != 0)
    {
        return mecai_refuse(reason, "foreign: for another certificate than "
                            "the directory's name says");
    }
    return check_time(claims, subject->now, reason);
}


mecai_item_t *
mecai_check_voucher(const uint8_t *der, size_t size,
    const mecai_subject_t *subject, mecai_reason_t *reason)
{
    const unsigned char  *next = der;
    CMS_ContentInfo      *cms;
    mecai_claims_t        claims;
    mecai_item_t         *item = NULL;

    ERR_clear_error();
    cms = d2i_CMS_ContentInfo(NULL, &next, (long) size);
    if (cms == NULL || next != der + size) {
        mecai_refuse(reason, "damaged: not one CMS object in DER");
    } else if (check_envelope(cms, reason)
               && check_content(cms, subject, &claims, reason))
    {
        item = new_item(der, size, &claims, reason);
    }
    CMS_ContentInfo_free(cms);
    excuse(reason, item);
    return item;
}


static bool
names_certificate(const OCSP_CERTID *id, const X509 *certificate)
{
    ASN1_OCTET_STRING  *issuer_name;
    ASN1_OBJECT        *algorithm;
    ASN1_INTEGER       *serial;
    const EVP_MD       *digest;
    unsigned char       hash[EVP_MAX_MD_SIZE];
    unsigned int        size;

    if (OCSP_id_get0_info(&issuer_name, &algorithm, NULL, &serial,
                          (OCSP_CERTID *) id) != 1
        || ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(certificate)) != 0)
    {
        return false;
    }
    digest = EVP_get_digestbyobj(algorithm);
    return digest != NULL
           && X509_NAME_digest(X509_get_issuer_name(certificate), digest, hash,
                               &size) == 1
           && (unsigned int) ASN1_STRING_length(issuer_name) == size
           && memcmp(ASN1_STRING_get0_data(issuer_name), hash, size) == 0;
}


static OCSP_SINGLERESP *
find_single(OCSP_BASICRESP *basic, const X509 *certificate)
{
    for (int i = 0; i < OCSP_resp_count(basic); i++) {
        OCSP_SINGLERESP  *single = OCSP_resp_get0(basic, i);

        if (names_certificate(OCSP_SINGLERESP_get0_id(single), certificate)) {
            return single;
        }
    }
    return NULL;
}


/* Finds from when to when the response may be served. */
static bool
check_answer(OCSP_BASICRESP *basic, const mecai_subject_t *subject,
    mecai_claims_t *claims, mecai_reason_t *reason)
{
    OCSP_SINGLERESP       *single = find_single(basic, subject->certificate);
    ASN1_GENERALIZEDTIME  *this = NULL, *next = NULL;

    if (single == NULL) {
        return mecai_refuse(reason,
                            "foreign: it has no answer for this certificate");
    }
    OCSP_single_get0_status(single, NULL, NULL, &this, &next);
    if (next == NULL) {
        return mecai_refuse(reason, "it names no nextUpdate, so nothing says "
                            "how long it may be served");
    }
    claims->this_update = mecai_seconds(this);
    claims->next_update = mecai_seconds(next);
    return check_time(claims, subject->now, reason);
}


mecai_item_t *
mecai_check_ocsp(const uint8_t *der, size_t size,
    const mecai_subject_t *subject, mecai_reason_t *reason)
{
    const unsigned char  *next = der;
    OCSP_RESPONSE        *response;
    OCSP_BASICRESP       *basic = NULL;
    mecai_claims_t        claims = { .next_update = 0 };
    mecai_item_t         *item = NULL;

    ERR_clear_error();
    response = d2i_OCSP_RESPONSE(NULL, &next, (long) size);
    if (response == NULL || next != der + size) {
        mecai_refuse(reason, "damaged: not one OCSP response in DER");
    } else if (OCSP_response_status(response)
               != OCSP_RESPONSE_STATUS_SUCCESSFUL)
    {
        mecai_refuse(reason, "its responseStatus is %d, not successful",
                     OCSP_response_status(response));
    } else if ((basic = OCSP_response_get1_basic(response)) == NULL) {
        mecai_refuse(reason, "damaged: it holds no BasicOCSPResponse");
    } else if (check_answer(basic, subject, &claims, reason)) {
        item = new_item(der, size, &claims, reason);
    }
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    excuse(reason, item);
    return item;
}


char *
mecai_time_text(time_t time, char text[MECAI_TIME_TEXT])
{
    struct tm  broken_down;

    if (gmtime_r(&time, &broken_down) == NULL
        || strftime(text, MECAI_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ",
                    &broken_down) == 0)
    {
        snprintf(text, MECAI_TIME_TEXT, "%lld", (long long) time);
    }
    return text;
}
