# The bridge and its production dependencies on Node 24. Nothing in it is written at run time; it needs no shell.
#
#   docker run -p 15674:15674 -v ./bridge.yaml:/etc/stomp-bridge.yaml:ro stomp-bridge --config /etc/stomp-bridge.yaml

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM node:24-slim AS production
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:24-slim
LABEL org.opencontainers.image.title="stomp-bridge" org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production \
    STOMP_BRIDGE_LISTEN_HOST=0.0.0.0 \
    STOMP_BRIDGE_OPS_HOST=0.0.0.0
WORKDIR /app
COPY --from=production /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
COPY config ./config
# numeric, so that Kubernetes' runAsNonRoot can tell; owns nothing here
USER 1000:1000
EXPOSE 15674 15680
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["node", "dist/main.js", "healthcheck"]
ENTRYPOINT ["node", "dist/main.js"]
