# The images of Tidemark: `control` for the api and the control worker, `agent` with MariaDB and its tools,
# `s3` for the S3 server. docker-compose.yml builds each by its target.

FROM node:24-bookworm-slim AS packages
WORKDIR /tidemark
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && npm cache clean --force

FROM node:24-bookworm-slim AS control
WORKDIR /tidemark
# The last two keep what glibc holds of freed memory small; the database sees nothing of them.
ENV NODE_ENV=production MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=1048576
COPY --from=packages /tidemark/node_modules node_modules
COPY . .
# A named volume takes owner and mode from the folder that it is mounted over.
RUN install -d -m 0755 /secrets /storage && ln -s /tidemark/cli/tidemark /usr/local/bin/tidemark
USER node
CMD ["node", "--disable-warning=ExperimentalWarning", "api/main.ts"]

# The agent works on the server's files as their owner does, and stops and starts mariadbd: it runs as root, beside
# the server, in one container.
FROM control AS agent
USER root
RUN apt-get update \
  && apt-get install -y --no-install-recommends age mariadb-backup mariadb-client mariadb-server zstd \
  && rm -rf /var/lib/apt/lists/* /var/lib/mysql \
  && install -d -o mysql -g mysql -m 0755 /srv/mariadb /run/mysqld \
  && install -d -m 0700 /var/lib/tidemark
COPY deploy/agent.yml deploy/my.cnf /etc/tidemark/
CMD ["deploy/agent-start"]

FROM golang:1.25-bookworm AS versitygw
RUN CGO_ENABLED=0 go install github.com/versity/versitygw/cmd/versitygw@v1.8.0

FROM debian:bookworm-slim AS s3
RUN groupadd --gid 1003 s3 && useradd --uid 1003 --gid 1003 --no-create-home s3 \
  && install -d -o s3 -g s3 -m 0700 /s3/objects
COPY --from=versitygw /go/bin/versitygw /usr/local/bin/versitygw
COPY deploy/s3-start /usr/local/bin/s3-start
USER s3
CMD ["s3-start"]
