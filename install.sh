#!/bin/sh
# Installs cloudify, with the dependencies it was tested with, into an environment of its own.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
prefix=cloudify-env
conda=no

usage() {
    cat <<END
usage: sh install.sh [--prefix DIR] [--conda]

  --prefix DIR   the environment to make, or to bring up to date  [default: ./cloudify-env]
  --conda        take Python from conda where there is one; by default a virtual environment is made with python3
  --help         print this

PYTHON names another interpreter than python3, e.g. PYTHON=python3.13; it must be Python 3.11 or newer.
END
}

fail() {
    echo "install.sh: $1" >&2
    exit "${2:-1}"
}

while [ $# -gt 0 ]; do
    case $1 in
    --prefix)
        [ $# -ge 2 ] && [ -n "$2" ] || fail "--prefix needs a folder; --help shows how" 2
        prefix=$2
        shift
        ;;
    --prefix=?*) prefix=${1#--prefix=} ;;
    --conda) conda=yes ;;
    -h | --help)
        usage
        exit 0
        ;;
    *) fail "no option $1; --help shows what there is" 2 ;;
    esac
    shift
done

case $prefix in
/*) ;;
*) prefix=$PWD/$prefix ;;
esac
if [ -e "$prefix" ] && [ ! -x "$prefix/bin/python" ] && [ -n "$(ls -A "$prefix")" ]; then
    fail "$prefix exists and is no environment; choose another one: --prefix DIR"
fi
if [ $conda = yes ] && ! command -v conda >/dev/null 2>&1; then
    echo "install.sh: there is no conda; a virtual environment is made instead" >&2
    conda=no
fi

if [ ! -x "$prefix/bin/python" ]; then
    if [ $conda = yes ]; then
        conda create --yes --quiet --prefix "$prefix" "python>=3.11" pip
    else
        python=${PYTHON:-python3}
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
            fail "$python is not Python 3.11 or newer; name another one: PYTHON=python3.13 sh install.sh"
        "$python" -m venv "$prefix" || fail "$python cannot make an environment; on Debian: apt install python3-venv"
    fi
fi
echo "installing cloudify and what it needs into $prefix (about a minute)"
"$prefix/bin/python" -m pip install --quiet --disable-pip-version-check --constraint "$here/constraints.txt" "$here"
echo "installed; try: $prefix/bin/cloudify demo"
