/*
 * VoucherInfo: see the header. The ASN.1 is docs/spec/mecai.asn1, without
 * DEFAULTs, tags explicit.
 */

#include "mecai_voucher_info.h"

#include <string.h>

#include <openssl/asn1t.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

enum {
    VERSION = 1,
    TIME_SIZE = sizeof("YYYYMMDDHHMMSSZ") - 1,
    IPV4_SIZE = 4,
    IPV6_SIZE = 16,
    PORT_MAX = 1023,  /* O10: a port that takes a privilege to open */
};
enum { METHOD_OCSP, METHOD_CRL, METHOD_SHORT_LIVED };

typedef struct {
    ASN1_OCTET_STRING     *certificate_hash;
    ASN1_ENUMERATED       *method;
    ASN1_GENERALIZEDTIME  *this_update;
    ASN1_GENERALIZEDTIME  *next_update;
    ASN1_OCTET_STRING     *evidence_hash;
} EVIDENCE;

ASN1_SEQUENCE(EVIDENCE) = {
    ASN1_SIMPLE(EVIDENCE, certificate_hash, ASN1_OCTET_STRING),
    ASN1_SIMPLE(EVIDENCE, method, ASN1_ENUMERATED),
    ASN1_SIMPLE(EVIDENCE, this_update, ASN1_GENERALIZEDTIME),
    ASN1_SIMPLE(EVIDENCE, next_update, ASN1_GENERALIZEDTIME),
    ASN1_OPT(EVIDENCE, evidence_hash, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(EVIDENCE)

typedef struct {
    ASN1_OBJECT        *identifier;
    ASN1_BOOLEAN        critical;
    ASN1_OCTET_STRING  *value;
} EXTENSION;

ASN1_SEQUENCE(EXTENSION) = {
    ASN1_SIMPLE(EXTENSION, identifier, ASN1_OBJECT),
    ASN1_SIMPLE(EXTENSION, critical, ASN1_BOOLEAN),
    ASN1_SIMPLE(EXTENSION, value, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(EXTENSION)

DEFINE_STACK_OF(EVIDENCE)
DEFINE_STACK_OF(EXTENSION)
DEFINE_STACK_OF(ASN1_PRINTABLESTRING)
DEFINE_STACK_OF(ASN1_OCTET_STRING)

typedef struct {
    ASN1_INTEGER                    *version;
    ASN1_OCTET_STRING               *authority;
    ASN1_INTEGER                    *serial;
    ASN1_OCTET_STRING               *certificate_hash;
    STACK_OF(ASN1_OCTET_STRING)     *intermediate_hashes;
    STACK_OF(ASN1_OCTET_STRING)     *addresses;
    ASN1_INTEGER                    *probed_port;
    ASN1_GENERALIZEDTIME            *this_update;
    ASN1_GENERALIZEDTIME            *next_update;
    STACK_OF(ASN1_PRINTABLESTRING)  *trust_contexts;
    ASN1_BOOLEAN                     intermediates_matched;
    ASN1_INTEGER                    *perspectives;
    STACK_OF(EVIDENCE)              *status_evidence;
    STACK_OF(EXTENSION)             *extensions;
} INFO;

ASN1_SEQUENCE(INFO) = {
    ASN1_SIMPLE(INFO, version, ASN1_INTEGER),
    ASN1_SIMPLE(INFO, authority, ASN1_OCTET_STRING),
    ASN1_SIMPLE(INFO, serial, ASN1_INTEGER),
    ASN1_SIMPLE(INFO, certificate_hash, ASN1_OCTET_STRING),
    ASN1_SEQUENCE_OF(INFO, intermediate_hashes, ASN1_OCTET_STRING),
    ASN1_SEQUENCE_OF(INFO, addresses, ASN1_OCTET_STRING),
    ASN1_SIMPLE(INFO, probed_port, ASN1_INTEGER),
    ASN1_SIMPLE(INFO, this_update, ASN1_GENERALIZEDTIME),
    ASN1_SIMPLE(INFO, next_update, ASN1_GENERALIZEDTIME),
    ASN1_SEQUENCE_OF(INFO, trust_contexts, ASN1_PRINTABLESTRING),
    ASN1_SIMPLE(INFO, intermediates_matched, ASN1_BOOLEAN),
    ASN1_SIMPLE(INFO, perspectives, ASN1_INTEGER),
    ASN1_SEQUENCE_OF(INFO, status_evidence, EVIDENCE),
    ASN1_EXP_SEQUENCE_OF_OPT(INFO, extensions, EXTENSION, 0),
} static_ASN1_SEQUENCE_END(INFO)


/*
 * DER has one encoding of a value; what decodes but encodes to other octets was
 * not DER.
 */
static bool
encodes_to(const INFO *info, const uint8_t *der, size_t size)
{
    unsigned char  *again = NULL;
    int             length = ASN1_item_i2d((const ASN1_VALUE *) info, &again,
                                           ASN1_ITEM_rptr(INFO));
    bool            same = length > 0 && (size_t) length == size
                           && memcmp(again, der, size) == 0;

    OPENSSL_free(again);
    return same;
}


static bool
boolean_valid(ASN1_BOOLEAN value)
{
    return value == 0 || value == 0xff;
}


static bool
size_is(const ASN1_STRING *string, int size)
{
    return ASN1_STRING_length(string) == size;
}


static bool
integer_within(const ASN1_INTEGER *integer, int64_t least, int64_t most)
{
    int64_t  value;

    return ASN1_INTEGER_get_int64(&value, integer) == 1 && value >= least
           && value <= most;
}


static bool
serial_valid(const ASN1_INTEGER *serial)
{
    BIGNUM  *number = ASN1_INTEGER_to_BN(serial, NULL);
    bool     valid = number != NULL && !BN_is_negative(number)
                     && !BN_is_zero(number)
                     && BN_num_bits(number) <= MECAI_SERIAL_BITS;

    BN_free(number);
    return valid;
}


static bool
hashes_valid(const STACK_OF(ASN1_OCTET_STRING) *hashes)
{
    if (sk_ASN1_OCTET_STRING_num(hashes) > MECAI_INTERMEDIATES_MAX) {
        return false;
    }
    for (int i = 0; i < sk_ASN1_OCTET_STRING_num(hashes); i++) {
        if (!size_is(sk_ASN1_OCTET_STRING_value(hashes, i), MECAI_HASH_SIZE)) {
            return false;
        }
    }
    return true;
}


/*
 * The project writes times in one way only: UTC, whole seconds,
 * GeneralizedTime.
 */
static bool
time_valid(const ASN1_GENERALIZEDTIME *time)
{
    return size_is(time, TIME_SIZE)
           && ASN1_STRING_get0_data(time)[TIME_SIZE - 1] == 'Z'
           && mecai_seconds(time) >= 0;
}


static bool
span_valid(const ASN1_GENERALIZEDTIME *this_update,
    const ASN1_GENERALIZEDTIME *next_update)
{
    return time_valid(this_update) && time_valid(next_update)
           && mecai_seconds(this_update) < mecai_seconds(next_update);
}


static bool
evidence_valid(const EVIDENCE *evidence)
{
    int64_t  method;

    if (ASN1_ENUMERATED_get_int64(&method, evidence->method) != 1
        || method < METHOD_OCSP
        || method > METHOD_SHORT_LIVED)
    {
        return false;
    }
    return size_is(evidence->certificate_hash, MECAI_HASH_SIZE)
           && span_valid(evidence->this_update, evidence->next_update)
           && (evidence->evidence_hash == NULL)
              == (method == METHOD_SHORT_LIVED)
           && (evidence->evidence_hash == NULL
               || size_is(evidence->evidence_hash, MECAI_HASH_SIZE));
}


static bool
status_valid(const INFO *info)
{
    int  count = sk_EVIDENCE_num(info->status_evidence);

    if (count != 1 + sk_ASN1_OCTET_STRING_num(info->intermediate_hashes)) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (!evidence_valid(sk_EVIDENCE_value(info->status_evidence, i))) {
            return false;
        }
    }
    return true;
}


/*
 * Version 1 knows no extension: one that is critical must be refused, any other
 * is ignored (O14).
 */
static bool
extensions_valid(const STACK_OF(EXTENSION) *extensions)
{
    int  count = sk_EXTENSION_num(extensions);

    if (extensions != NULL && (count == 0 || count > MECAI_EXTENSIONS_MAX)) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (sk_EXTENSION_value(extensions, i)->critical != 0) {
            return false;
        }
        for (int j = 0; j < i; j++) {
            if (OBJ_cmp(sk_EXTENSION_value(extensions, i)->identifier,
                        sk_EXTENSION_value(extensions, j)->identifier)
                == 0)
            {
                return false;
            }
        }
    }
    return true;
}


static bool
read_addresses(const STACK_OF(ASN1_OCTET_STRING) *addresses,
    mecai_claims_t *claims)
{
    int  count = sk_ASN1_OCTET_STRING_num(addresses);

    if (count < 1 || count > MECAI_ADDRESSES_MAX) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        const ASN1_OCTET_STRING  *octets;
        int                       size;

        octets = sk_ASN1_OCTET_STRING_value(addresses, i);
        size = ASN1_STRING_length(octets);
        if (size != IPV4_SIZE && size != IPV6_SIZE) {
            return false;
        }
        mecai_set_address(&claims->addresses[i], ASN1_STRING_get0_data(octets),
                          (size_t) size);
        /* an IPv4-mapped one must be written as 4 octets */
        if (claims->addresses[i].size != size) {
            return false;
        }
    }
    claims->address_count = (size_t) count;
    return true;
}


static bool
read_contexts(const STACK_OF(ASN1_PRINTABLESTRING) *contexts,
    mecai_claims_t *claims)
{
    int  count = sk_ASN1_PRINTABLESTRING_num(contexts);

    if (count > MECAI_TRUST_CONTEXTS_MAX) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        const ASN1_PRINTABLESTRING  *text;
        size_t                       size;

        text = sk_ASN1_PRINTABLESTRING_value(contexts, i);
        size = (size_t) ASN1_STRING_length(text);
        if (!mecai_context_valid(ASN1_STRING_get0_data(text), size)) {
            return false;
        }
        claims->contexts[i].size = (uint8_t) size;
        memcpy(claims->contexts[i].text, ASN1_STRING_get0_data(text), size);
    }
    claims->context_count = (size_t) count;
    return true;
}


static const char *
read_fields(const INFO *info, mecai_claims_t *claims)
{
    if (!integer_within(info->version, VERSION, VERSION)) {
        return "version";
    }
    if (!size_is(info->authority, MECAI_AUTHORITY_SIZE)) {
        return "authority";
    }
    if (!serial_valid(info->serial)) {
        return "serialNumber";
    }
    if (!size_is(info->certificate_hash, MECAI_HASH_SIZE)) {
        return "certificateHash";
    }
    if (!hashes_valid(info->intermediate_hashes)) {
        return "intermediateHashes";
    }
    if (!read_addresses(info->addresses, claims)) {
        return "addresses";
    }
    if (!integer_within(info->probed_port, 1, PORT_MAX)) {
        return "probedPort";
    }
    if (!span_valid(info->this_update, info->next_update)) {
        return "thisUpdate, nextUpdate";
    }
    if (!read_contexts(info->trust_contexts, claims)) {
        return "trustContexts";
    }
    if (!boolean_valid(info->intermediates_matched)) {
        return "intermediatesMatched";
    }
    if (!integer_within(info->perspectives, 1, MECAI_PERSPECTIVES_MAX)) {
        return "perspectives";
    }
    if (!status_valid(info)) {
        return "statusEvidence";
    }
    if (!extensions_valid(info->extensions)) {
        return "extensions";
    }
    memcpy(claims->authority, ASN1_STRING_get0_data(info->authority),
           MECAI_AUTHORITY_SIZE);
    memcpy(claims->certificate_hash,
           ASN1_STRING_get0_data(info->certificate_hash), MECAI_HASH_SIZE);
    claims->this_update = mecai_seconds(info->this_update);
    claims->next_update = mecai_seconds(info->next_update);
    return NULL;
}


const char *
mecai_read_info(const uint8_t *der, size_t size, mecai_claims_t *claims)
{
    const unsigned char  *next = der;
    const char           *wrong;
    INFO                 *info;

    info = (INFO *) ASN1_item_d2i(NULL, &next, (long) size,
                                  ASN1_ITEM_rptr(INFO));
    if (info == NULL) {
        return "structure";
    }
    memset(claims, 0, sizeof(*claims));
    if (!encodes_to(info, der, size)) {
        wrong = "encoding, which is not DER";
    } else {
        wrong = read_fields(info, claims);
    }
    ASN1_item_free((ASN1_VALUE *) info, ASN1_ITEM_rptr(INFO));
    if (wrong == NULL
        && EVP_Digest(der, size, claims->hash, NULL, EVP_sha256(), NULL) != 1)
    {
        wrong = "hash: SHA-256 failed";
    }
    return wrong;
}


time_t
mecai_seconds(const ASN1_TIME *time)
{
    struct tm  broken_down;

    return ASN1_TIME_to_tm(time, &broken_down) == 1 ? timegm(&broken_down) : -1;
}


void
mecai_set_address(mecai_address_t *address, const uint8_t *octets, size_t size)
{
    /* RFC 4291, 2.5.5.2 */
    static const uint8_t  mapped[12] = { [10] = 0xff, [11] = 0xff };

    if (size == IPV6_SIZE && memcmp(octets, mapped, sizeof(mapped)) == 0) {
        octets += sizeof(mapped);
        size -= sizeof(mapped);
    }
    address->size = (uint8_t) size;
    memcpy(address->octets, octets, size);
}
