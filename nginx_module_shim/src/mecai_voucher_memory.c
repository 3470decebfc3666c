/* The zone as nginx's shared memory: see the header. */

#include "mecai_voucher_memory.h"
#include "mecai_voucher_scan.h"

/* Only what is in use takes memory: pages are touched one after another. */
#define DEFAULT_SIZE  (256 * 1024 * 1024)

#define NAME  "mecai_voucher:" MECAI_ZONE_LAYOUT_TEXT


/* Runs in the master, which reads nothing of what a zone in use holds. */
static ngx_int_t
make_zone(ngx_shm_zone_t *memory, void *kept)
{
    ngx_slab_pool_t  *pool = (ngx_slab_pool_t *) memory->shm.addr;
    size_t            size;
    void             *room;

    if (kept != NULL || memory->shm.exists) {
        return NGX_OK;
    }
    size = (size_t) pool->pfree << ngx_pagesize_shift;
    room = ngx_slab_alloc(pool, size);
    pool->data = room != NULL ? mecai_zone_make(room, size) : NULL;
    return pool->data != NULL ? NGX_OK : NGX_ERROR;
}


ngx_shm_zone_t *
mecai_add_memory(ngx_conf_t *cf, size_t size)
{
    ngx_str_t        name = ngx_string(NAME);
    ngx_shm_zone_t  *memory;

    /* all modules, and an upgraded one, must name the same tag */
    memory = ngx_shared_memory_add(cf, &name, 0, &ngx_core_module);
    if (memory == NULL) {
        return NULL;
    }
    if (size != 0 && memory->shm.size != 0 && memory->shm.size != size
        && memory->shm.size != DEFAULT_SIZE)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"voucher_zone\" is %uz "
                           "octets here and %uz elsewhere; http, stream "
                           "and mail share it, so name one size", size,
                           memory->shm.size);
        return NULL;
    }
    if (size != 0 || memory->shm.size == 0) {
        memory->shm.size = size != 0 ? size : DEFAULT_SIZE;
    }
    memory->init = make_zone;
    if (memory->data == NULL) {
        memory->data = ngx_pcalloc(cf->pool, sizeof(mecai_until_t));
    }
    return memory->data != NULL ? memory : NULL;
}


static void
lock(void *mutex)
{
    ngx_shmtx_lock(mutex);
}


static void
unlock(void *mutex)
{
    ngx_shmtx_unlock(mutex);
}


void
mecai_attach(ngx_shm_zone_t *memory, mecai_access_t *access)
{
    ngx_slab_pool_t  *pool = (ngx_slab_pool_t *) memory->shm.addr;

    access->zone = pool->data;
    access->mutex = &pool->mutex;
    access->lock = lock;
    access->unlock = unlock;
}
