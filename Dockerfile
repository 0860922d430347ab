# The bridge and its production dependencies on Node 24. Nothing in it is written at run time, it runs as user 1000 and needs no shell.
#
#   deploy/image.sh                  builds it with version, revision and times from git, so that the same commit gives the same image
#   docker build -t stomp-bridge .   builds it
#   docker run -p 15674:15674 -v ./conf:/etc/stomp-bridge:ro -e STOMP_BRIDGE_CONFIG=/etc/stomp-bridge/bridge.yaml stomp-bridge
#
# The configuration is named by the environment and not by --config, so that the health check asks the ops port of the same one.

# The version of the devDependency `node`: tested is what ships. With a digest (node@sha256:…) the base is the same one for ever.
ARG NODE_IMAGE=node:24.21.0-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build
COPY deploy/sbom.ts ./deploy/
RUN node deploy/sbom.ts > sbom.cdx.json

FROM ${NODE_IMAGE} AS production
WORKDIR /app
COPY package.json package-lock.json ./
# without the optional native parts of ws (bufferutil, utf-8-validate), which Node has long been able to do without
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund
# what only compilers and debuggers read
RUN find node_modules -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' \) -delete

FROM ${NODE_IMAGE} AS tree
WORKDIR /app
COPY --from=production /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/sbom.cdx.json ./
COPY package.json LICENSE ./
COPY config ./config
# one time for all files, and modes that do not depend on the umask of whoever checked them out
ARG SOURCE_DATE_EPOCH=0
RUN chmod -R u=rwX,go=rX /app && find /app -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +

FROM ${NODE_IMAGE}
COPY --from=tree /app /app
WORKDIR /app
# Whatever address a file names, in a container it must be this one; the environment goes before the file.
ENV NODE_ENV=production \
    STOMP_BRIDGE_LISTEN_HOST=0.0.0.0 \
    STOMP_BRIDGE_OPS_HOST=0.0.0.0
# numeric, so that Kubernetes' runAsNonRoot can tell; owns nothing here
USER 1000:1000
EXPOSE 15674 15680
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["node", "dist/main.js", "healthcheck"]
ENTRYPOINT ["node", "dist/main.js"]
# last, so that a new revision changes no layer
ARG VERSION=dev
ARG REVISION=unknown
ARG SOURCE=
LABEL org.opencontainers.image.title="stomp-bridge" \
      org.opencontainers.image.description="STOMP over WebSocket in front of RabbitMQ, MQTT or an embedded memory broker, with receipts and acks that mean what they say" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
