/* When something is said in the log: see mecai_voucher_zone.h. */

#include "mecai_voucher_blocks.h"


/* Tells whether a moment is so long past that what was said then may be said
 * again; or ahead, of a clock that was set back. */
static bool
is_over(time_t then, time_t now)
{
    return now < then || now - then >= MECAI_TELL_SECONDS;
}


/* Returns how many of `most` lines are left. */
static unsigned
lines_left(mecai_said_t *said, unsigned most, time_t now)
{
    if (is_over(said->since, now)) {
        *said = (mecai_said_t) { now, 0 };
    }
    return most > said->lines ? most - said->lines : 0;
}


/* Notes that a cause is told now; false: it was, not long ago. */
static bool
note(time_t *told, time_t now)
{
    if (*told != 0 && !is_over(*told, now)) {
        return false;
    }
    *told = now;
    return true;
}


/* The same of a refused file; `left`: how many lines there were left. Who fills
 * directories with bad files does not get the lines of the others. */
static bool
note_refusal(mecai_set_t *set, unsigned of_all, time_t now, unsigned *left)
{
    unsigned  most = of_all > MECAI_LINES_SCARCE ? MECAI_REFUSALS_MAX : 1;

    *left = lines_left(&set->refusals, most, now);
    set->refusals.lines += *left > 0;
    return *left > 0;
}


mecai_leave_t
mecai_zone_tell(mecai_zone_t *zone, mecai_set_t *set, mecai_tell_t tell,
    time_t now)
{
    unsigned  of_all = lines_left(&zone->said, MECAI_LINES_MAX, now);
    unsigned  of_set = MECAI_REFUSALS_MAX;
    bool      told;

    if (of_all == 0) {
        return MECAI_SILENT;
    }
    if (tell == MECAI_TELL_REFUSED) {
        told = note_refusal(set, of_all, now, &of_set);
    } else {
        told = note(tell == MECAI_TELL_FULL ? &zone->told_full
                                            : &set->told[tell], now);
    }
    if (!told) {
        return MECAI_SILENT;
    }
    zone->said.lines++;
    if (of_all == 1) {
        return MECAI_SAY_LAST;
    }
    if (of_all == MECAI_LINES_SCARCE + 1) {
        return MECAI_SAY_SCARCE;
    }
    return of_set == 1 ? MECAI_SAY_LAST_OF_SET : MECAI_SAY;
}


const char *
mecai_last_words(mecai_leave_t leave)
{
    switch (leave) {
    case MECAI_SAY_LAST_OF_SET:
        return "; of other files here nothing is said for an hour";
    case MECAI_SAY_SCARCE:
        return "; from here on one refused file a certificate, for an hour";
    case MECAI_SAY_LAST:
        return "; the module says no more for an hour";
    default:
        return "";
    }
}
