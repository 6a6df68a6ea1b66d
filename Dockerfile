# The binary, and nothing else, on a small Debian.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package isopleth \
 && strip target/release/isopleth

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="Isopleth" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
RUN groupadd --system --gid 10001 isopleth \
 && useradd --system --uid 10001 --gid isopleth --home-dir /data --shell /usr/sbin/nologin isopleth \
 && install -d -o isopleth -g isopleth -m 0750 /data
COPY --from=build /src/target/release/isopleth /usr/local/bin/isopleth
USER 10001:10001
WORKDIR /data
VOLUME /data
# The store and its log files are all that is ever written: the root file system can be read-only.
ENV ISOPLETH_STORE=/data/isopleth.gpkg \
    ISOPLETH_BIND=0.0.0.0:8080 \
    ISOPLETH_LOG_JSON=true
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=6s --start-period=10s --retries=3 \
    CMD ["isopleth", "healthcheck"]
ENTRYPOINT ["isopleth"]
CMD ["serve"]
