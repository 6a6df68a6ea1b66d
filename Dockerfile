# The binary, and nothing else, on a small Debian.
FROM node:22-bookworm-slim AS page
WORKDIR /web
COPY crates/isopleth-api/web .
RUN npm ci --omit=dev --no-audit --no-fund && npm run build

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
COPY --from=page /web/dist /page
ENV ISOPLETH_WEB_DIST=/page
RUN cargo build --release --locked --package isopleth \
 && strip target/release/isopleth

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="Isopleth" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
RUN groupadd --gid 10001 isopleth \
 && useradd --uid 10001 --gid isopleth --home-dir /data --shell /usr/sbin/nologin isopleth \
 && install -d -o isopleth -g isopleth -m 0750 /data
COPY --from=build /src/target/release/isopleth /usr/local/bin/isopleth
USER 10001:10001
WORKDIR /data
VOLUME /data
# The store, its log files and files for download are all that the service writes: the root file
# system can be read-only.
ENV ISOPLETH_STORE=/data/isopleth.gpkg \
    ISOPLETH_FILE_CACHE_FOLDER=/data/files \
    ISOPLETH_BIND=0.0.0.0:8080 \
    ISOPLETH_LOG_JSON=true
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=6s --start-period=10s --retries=3 \
    CMD ["isopleth", "healthcheck"]
ENTRYPOINT ["isopleth"]
CMD ["serve"]
