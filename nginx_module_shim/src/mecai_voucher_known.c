/* The certificates this process knows: see the header. */

#include "mecai_voucher_known.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

/* An object of OpenSSL's; that it is held keeps its address its own. */
struct mecai_object_s {
    mecai_object_t  *next;
    X509            *certificate;
    mecai_known_t   *known;
};


static mecai_object_t **
objects_of(mecai_certificates_t *all, const X509 *certificate)
{
    /* the low bits of an address are those of an allocator's steps */
    uint64_t  mixed = (uint64_t) (uintptr_t) certificate * 0x9e3779b97f4a7c15;

    return &all->objects[(mixed >> 32) % MECAI_KNOWN_BUCKETS];
}


/* Returns what is known by OpenSSL's object, or NULL. */
static mecai_known_t *
known_by_object(mecai_certificates_t *all, const X509 *certificate)
{
    const mecai_object_t  *object = *objects_of(all, certificate);

    while (object != NULL && object->certificate != certificate) {
        object = object->next;
    }
    return object != NULL ? object->known : NULL;
}


static mecai_known_t *
new_known(const char *path, X509 *certificate,
    const uint8_t hash[MECAI_HASH_SIZE])
{
    size_t          size = strlen(path) + sizeof("/") + 2 * MECAI_HASH_SIZE;
    mecai_known_t  *known = calloc(1, sizeof(*known) + size);
    char           *out;

    if (known == NULL) {
        return NULL;
    }
    memcpy(known->hash, hash, MECAI_HASH_SIZE);
    out = known->path + sprintf(known->path, "%s/", path);
    for (size_t i = 0; i < MECAI_HASH_SIZE; i++) {
        out += sprintf(out, "%02x", hash[i]);
    }
    if (EVP_Digest(known->path, strlen(known->path), known->key, NULL,
                   EVP_sha256(), NULL) != 1)
    {
        free(known);
        return NULL;
    }
    X509_up_ref(certificate);
    known->certificate = certificate;
    return known;
}


static mecai_known_t *
known_by_hash(mecai_certificates_t *all, const char *path, X509 *certificate)
{
    uint8_t          hash[MECAI_HASH_SIZE];
    mecai_known_t  **link, *known;

    if (X509_digest(certificate, EVP_sha256(), hash, NULL) != 1) {
        return NULL;
    }
    /* a new one goes to the end, behind the place of a round */
    link = &all->buckets[hash[0]];
    for ( /* void */ ; (known = *link) != NULL; link = &known->next) {
        if (memcmp(known->hash, hash, sizeof(hash)) == 0) {
            return known;
        }
    }
    *link = new_known(path, certificate, hash);
    return *link;
}


mecai_known_t *
mecai_know(mecai_certificates_t *all, const char *path, X509 *certificate)
{
    mecai_known_t  *known = known_by_object(all, certificate);

    return known != NULL ? known : known_by_hash(all, path, certificate);
}


mecai_known_t *
mecai_know_for_good(mecai_certificates_t *all, const char *path,
    X509 *certificate)
{
    mecai_object_t **link = objects_of(all, certificate);
    mecai_object_t  *object;
    mecai_known_t   *known = mecai_know(all, path, certificate);

    if (known == NULL || known_by_object(all, certificate) != NULL) {
        return known;
    }
    object = malloc(sizeof(*object));
    if (object == NULL) {
        return NULL;
    }
    known->configured = true;
    X509_up_ref(certificate);
    *object = (mecai_object_t) { *link, certificate, known };
    *link = object;
    return known;
}


void
mecai_unknow(mecai_known_t **link)
{
    mecai_known_t  *known = *link;

    *link = known->next;
    X509_free(known->certificate);
    free(known);
}


void
mecai_unknow_all(mecai_certificates_t *all)
{
    for (size_t i = 0; i < MECAI_KNOWN_BUCKETS; i++) {
        mecai_object_t  *object = all->objects[i], *next;

        for ( /* void */ ; object != NULL; object = next) {
            next = object->next;
            X509_free(object->certificate);
            free(object);
        }
        all->objects[i] = NULL;
        while (all->buckets[i] != NULL) {
            mecai_unknow(&all->buckets[i]);
        }
    }
}
