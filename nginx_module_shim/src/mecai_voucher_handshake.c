/* What happens in a handshake: see the header. */

#include "mecai_voucher_handshake.h"
#include "mecai_voucher_address.h"
#include "mecai_voucher_choose.h"
#include "mecai_voucher_timer.h"

#include <ngx_event.h>

#include <openssl/err.h>

enum {
    /* extension type and length, status type, length of the response */
    STAPLE_OVERHEAD = 8,
    VOUCHER_CONTEXT = SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO
                      | SSL_EXT_TLS1_3_CERTIFICATE,
};


/*
 * Tells whether the zone of a configuration is there: where a reload ends no
 * process ("master_process off"), nginx frees it before the configuration.
 */
static bool
is_current(const mecai_conf_t *conf)
{
    return conf->cycle == (const ngx_cycle_t *) ngx_cycle;
}


/*
 * Returns what this worker knows of a certificate, without leaving errors in
 * OpenSSL's queue, where the handshake would trip over them.
 */
static const mecai_known_t *
find(const mecai_conf_t *conf, X509 *certificate)
{
    const mecai_known_t  *known;

    ERR_set_mark();
    known = mecai_store_find(conf->store, certificate, ngx_time());
    ERR_pop_to_mark();
    return known;
}


/* Tells whether a handshake may say something of a set, if there is one. */
static mecai_leave_t
may_say(const mecai_conf_t *conf, mecai_set_t *set, mecai_tell_t tell)
{
    return set != NULL ? mecai_zone_tell(conf->access->zone, set, tell,
                                         ngx_time())
                       : MECAI_SILENT;
}


/*
 * Says, once in a while for all workers, that a certificate in use has no
 * directory; or lets what was not read yet be read next.
 */
static void
miss(const mecai_conf_t *conf, const mecai_known_t *known, ngx_connection_t *c)
{
    mecai_leave_t  leave = MECAI_SILENT;
    mecai_set_t   *set;
    int            trouble = 0;
    bool           complete;

    mecai_lock_to_write(conf->access);
    set = mecai_zone_find(conf->access->zone, known->key);
    complete = set != NULL && set->complete;
    if (complete && set->trouble != 0) {
        trouble = set->trouble;
        leave = may_say(conf, set, MECAI_TELL_MISSING);
    }
    mecai_unlock(conf->access);
    if (!complete) {
        mecai_store_want(conf->store, known);
        mecai_hurry();
    }
    if (leave != MECAI_SILENT) {
        ngx_log_error(NGX_LOG_ERR, c->log, trouble, "voucher: nothing to "
                      "staple for the certificate in use: directory \"%s\"%s",
                      known->path, mecai_last_words(leave));
    }
}


/* Says, once in a while, that a voucher did not fit into the answer. */
static void
leave_out(const mecai_conf_t *conf, const mecai_known_t *known,
    ngx_connection_t *c, size_t room)
{
    mecai_leave_t  leave;

    if (c->log->log_level < NGX_LOG_INFO) {
        return;
    }
    mecai_lock_to_write(conf->access);
    leave = may_say(conf, mecai_zone_find(conf->access->zone, known->key),
                    MECAI_TELL_LEFT_OUT);
    mecai_unlock(conf->access);
    if (leave != MECAI_SILENT) {
        ngx_log_error(NGX_LOG_INFO, c->log, 0, "voucher: one was left out, "
                      "because the answer may have %uz octets; see "
                      "voucher_max_size%s", room, mecai_last_words(leave));
    }
}


/*
 * How many octets the answer may have in this handshake: in TLS 1.3 it shares
 * the extensions of one CertificateEntry, 2^16-1 octets, with the staple.
 */
static size_t
room_for(SSL *ssl, const mecai_conf_t *conf)
{
    const unsigned char  *staple;
    long                  staple_size, left;

    staple_size = SSL_get_tlsext_status_ocsp_resp(ssl, &staple);
    if (staple_size <= 0) {
        return conf->max_size;
    }
    left = MECAI_ANSWER_MAX - STAPLE_OVERHEAD - staple_size;
    return left > 0 ? ngx_min(conf->max_size, (size_t) left) : 0;
}


/* Tells whether this handshake may have an answer at all. */
static mecai_reason_code_t
may_answer(SSL *ssl, const mecai_conf_t *conf, const X509 *certificate)
{
    if (SSL_session_reused(ssl)) {
        return MECAI_RESUMED;
    }
    if (mecai_is_quic(ngx_ssl_get_connection(ssl))) {
        return MECAI_QUIC;
    }
    return conf->enable && certificate != NULL && is_current(conf)
           ? MECAI_ANSWERED : MECAI_OFF;
}


/* Tells why a choice is as it is. */
static mecai_reason_code_t
reason_for(const mecai_set_t *set, const mecai_choice_t *choice)
{
    if (choice->size > 0) {
        return choice->sent > 0 ? MECAI_ANSWERED : MECAI_CACHED;
    }
    if (choice->left_out) {
        return MECAI_NO_ROOM;
    }
    if (set == NULL || !set->complete) {
        return MECAI_UNREAD;
    }
    return set->trouble != 0 ? MECAI_NO_DIRECTORY : MECAI_NO_MATCH;
}


/* Chooses, and notes why; writes at most `room` octets to `out`. */
static mecai_choice_t
choose(const mecai_conf_t *conf, const mecai_known_t *known,
    ngx_connection_t *c, mecai_exchange_t *exchange, uint8_t *out, size_t room)
{
    mecai_wish_t        wish = { &exchange->request, NULL, 0, ngx_time() };
    mecai_address_t     address;
    mecai_choice_t      choice;
    const mecai_set_t  *set;

    mecai_find_addresses(conf->addresses, c, &address, &wish);
    mecai_lock(conf->access);
    set = mecai_zone_find(conf->access->zone, known->key);
    choice = mecai_choose(&wish, set != NULL ? set->vouchers : NULL, out, room);
    exchange->reason = reason_for(set, &choice);
    mecai_unlock(conf->access);
    exchange->sent = choice.sent;
    return choice;
}


/* Writes the answer of a handshake that may have one; returns its size. */
static size_t
answer(SSL *ssl, const mecai_conf_t *conf, X509 *certificate,
    mecai_exchange_t *exchange, uint8_t out[MECAI_ANSWER_MAX])
{
    ngx_connection_t     *c = ngx_ssl_get_connection(ssl);
    const mecai_known_t  *known = find(conf, certificate);
    mecai_choice_t        choice;
    size_t                room = room_for(ssl, conf);

    exchange->reason = MECAI_NO_ROOM;
    if (known == NULL || room < MECAI_ANSWER_MIN) {
        return 0;
    }
    choice = choose(conf, known, c, exchange, out, room);
    if (choice.left_out) {
        leave_out(conf, known, c, room);
    }
    if (exchange->reason == MECAI_UNREAD
        || exchange->reason == MECAI_NO_DIRECTORY)
    {
        miss(conf, known, c);
    }
    return choice.size;
}


/*
 * Runs on the context of the server that SNI selected; OpenSSL calls it only
 * where the client sent `voucher`.
 */
static int
add_voucher(SSL *ssl, unsigned int type, unsigned int context,
    const unsigned char **out, size_t *size, X509 *x509,
    size_t chain_index, int *alert, void *arg)
{
    /* OpenSSL copies it before the next handshake */
    static uint8_t       room[MECAI_ANSWER_MAX];

    const mecai_conf_t  *conf = arg;
    mecai_exchange_t    *exchange = mecai_asked(ssl);
    X509                *certificate;

    if (exchange == NULL || chain_index != 0) {
        return 0;
    }
    certificate = context == SSL_EXT_TLS1_2_SERVER_HELLO
                  ? SSL_get_certificate(ssl) : x509;
    exchange->reason = may_answer(ssl, conf, certificate);
    *out = room;
    *size = exchange->reason == MECAI_ANSWERED
            ? answer(ssl, conf, certificate, exchange, room) : 0;
    if (is_current(conf)) {
        mecai_zone_count(conf->access->zone, exchange->reason);
    }
    return *size > 0;
}


/* Returns a copy of the staple for a certificate that OpenSSL will free. */
static unsigned char *
copy_staple(const mecai_conf_t *conf, const mecai_known_t *known, size_t *size)
{
    const mecai_set_t   *set;
    const mecai_file_t  *file;
    unsigned char       *copy = NULL;

    mecai_lock(conf->access);
    set = mecai_zone_find(conf->access->zone, known->key);
    file = set != NULL ? set->ocsp : NULL;
    if (file != NULL && file->content != NULL && file->next_update > ngx_time())
    {
        *size = file->size;
        copy = OPENSSL_malloc(file->size);
        if (copy != NULL) {
            mecai_file_der(file, copy);
        }
    }
    mecai_unlock(conf->access);
    return copy;
}


/* Hands the OCSP response for the certificate in use to OpenSSL. */
static int
add_staple(SSL *ssl, void *arg)
{
    const mecai_conf_t   *conf = arg;
    X509                 *certificate = SSL_get_certificate(ssl);
    const mecai_known_t  *known = NULL;
    unsigned char        *copy;
    size_t                size;

    if (certificate != NULL && is_current(conf)) {
        known = find(conf, certificate);
    }
    if (known == NULL) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    copy = copy_staple(conf, known, &size);
    if (copy == NULL) {
        miss(conf, known, ngx_ssl_get_connection(ssl));
        return SSL_TLSEXT_ERR_NOACK;
    }
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long) size);
    return SSL_TLSEXT_ERR_OK;
}


ngx_int_t
mecai_staple_vouchers(SSL_CTX *ctx, mecai_conf_t *conf)
{
    /* the callbacks of one ClientHello run in the order of registration */
    if (SSL_CTX_add_custom_ext(ctx, MECAI_EXTENSION_VOUCHER_REQUEST,
                               SSL_EXT_CLIENT_HELLO, NULL, NULL, NULL,
                               mecai_parse_request_extension, NULL) != 1)
    {
        return NGX_DECLINED;
    }
    if (SSL_CTX_add_custom_ext(ctx, MECAI_EXTENSION_VOUCHER, VOUCHER_CONTEXT,
                               add_voucher, NULL, conf,
                               mecai_parse_voucher_extension, NULL)
        != 1)
    {
        return NGX_DECLINED;
    }
    return NGX_OK;
}


ngx_int_t
mecai_staple_ocsp(SSL_CTX *ctx, mecai_conf_t *conf)
{
    int  (*taken)(SSL *, void *) = NULL;

    SSL_CTX_get_tlsext_status_cb(ctx, &taken);
    if (taken != NULL) {
        return NGX_DECLINED;
    }
    SSL_CTX_set_tlsext_status_cb(ctx, add_staple);
    SSL_CTX_set_tlsext_status_arg(ctx, conf);
    return NGX_OK;
}
