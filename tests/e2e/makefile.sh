#!/usr/bin/env bash
# The Makefile: a second make builds nothing, the user's flags are added, install gives a usable
# library and programs that run from where they were installed.
. "$(dirname "$0")/../support/tap.sh"
build=${BUILD:-build}
unset MAKEFLAGS MAKELEVEL
# In a copy, with the objects linked: two runs of the tests in one tree, or a build beside one, would
# fight.
cd "$root" && mkdir "$work/tree" && cp -a common coordinator worker proto tests deploy Makefile "$work/tree" || exit 1
if [ "${build#/}" = "$build" ]; then
    mkdir -p "$work/tree/$(dirname "$build")"
    cp -al "$build" "$work/tree/$build" 2>/dev/null || cp -a "$build" "$work/tree/$build" || exit 1
fi
cd "$work/tree" || exit 1

again=$(make BUILD="$build" all 2>&1)
if [ -z "$(grep -v 'Nothing to be done' <<<"$again")" ]; then
    ok "a second make builds nothing"
else
    not_ok "a second make builds nothing" "$again"
fi

shown=$(make -n V=1 BUILD="$work/b" CC=c99-of-mine CPPFLAGS=-DMINE=1 CFLAGS=-O3 LDFLAGS=-L/mine \
    LDLIBS=-lmine all 2>&1)
compiles=$(grep -E '^c99-of-mine .*-I\. .*-DMINE=1 .*-std=c17.*-O3 .*-c ' <<<"$shown" | head -n 1)
links=$(grep -E '^c99-of-mine .*gc-sections.* -L/mine .*-lmine.* -o .*bin/kindred$' <<<"$shown")
check "CC, CPPFLAGS and CFLAGS are added to what the project needs" test -n "$compiles"
check "LDFLAGS and LDLIBS are added too" test -n "$links"
refuses "an unknown DECODER is refused with its choices" 2 "it takes turbo or stb" make DECODER=other
check "make help names the two commands" bash -c 'make help | grep -q "make demo" && make help | grep -q "make check"'

check "make install DESTDIR=... PREFIX=..." make BUILD="$build" DESTDIR="$work/dest" PREFIX=/opt/kin install
for name in kindred kindred-index kindred-worker kindred-coordinator kindred-decode kindred-verify \
        kindred-eval kindred-atlas kindred-classify; do
    check "$name runs from where it was installed" "$work/dest/opt/kin/bin/$name" --help
    check "$name has a man page" test -s "$work/dest/opt/kin/share/man/man1/$name.1"
done

cat >"$work/user.c" <<'END'
#include <stdio.h>

#include "coordinator/client/client.h"

int main(void)
{
    kin_client *client = NULL;
    kin_client_options options = KIN_CLIENT_OPTIONS_DEFAULT;
    options.target = "/nowhere";
    kin_error error = {0};
    kin_status status = kin_client_open(&client, &options, &error);
    printf("%s: %s\n", kin_status_word(status), error.text);
    kin_client_close(&client);
    return status == KIN_OK;
}
END
export PKG_CONFIG_PATH=$work/dest/opt/kin/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$work/dest
# shellcheck disable=SC2046
check "a program of somebody else compiles and links against libkindred" \
    gcc -std=c17 "$work/user.c" $(pkg-config --cflags --libs libkindred) -o "$work/user"
check "and gets a sentence about what it did wrong" bash -c "'$work/user' | grep -q /nowhere"
finish
