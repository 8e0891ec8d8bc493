# One image per binary, manager or tracker: docker build --build-arg BINARY=tracker --build-arg VERSION=v1.2.3 .
# Without a VERSION, pass the commit: --build-arg COMMIT="$(git describe --always --abbrev=12 --exclude='*' --dirty)"

FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
ARG BINARY=manager
ARG VERSION=
ARG COMMIT=
ARG TARGETOS
ARG TARGETARCH
WORKDIR /src
# Modules first: they change less often than the code.
COPY go.mod go.sum ./
RUN go mod download
COPY api/ api/
COPY cmd/ cmd/
COPY controllers/ controllers/
COPY internal/ internal/
RUN stamp=github.com/referral-operator/referral-operator/internal/version; \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath \
    -ldflags "-s -w -X $stamp.release=$VERSION -X $stamp.commit=$COMMIT" -o /binary "./cmd/$BINARY"

# No shell, no package manager, not root.
FROM gcr.io/distroless/static-debian13:nonroot
COPY --from=build /binary /binary
USER 65532:65532
ENTRYPOINT ["/binary"]
