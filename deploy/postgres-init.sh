#!/bin/bash
# Runs once, when PostgreSQL's data directory is made: the roles of Temporal and of the catalog, and the catalog's
# database. Temporal's own set-up makes its databases.
set -euo pipefail

# Passwords go in on standard input: an argument list can be read by every process.
psql --username "$POSTGRES_USER" --dbname postgres --set ON_ERROR_STOP=1 --quiet <<SQL
CREATE ROLE temporal LOGIN CREATEDB PASSWORD '$(cat /secrets/temporal_password)';
CREATE ROLE tidemark LOGIN PASSWORD '$(cat /secrets/catalog_password)';
CREATE DATABASE tidemark OWNER tidemark;
SQL
