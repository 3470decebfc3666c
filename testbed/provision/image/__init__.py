"""The base image: a Debian 13 root directory with every package that roles ask for, built once and cached."""
