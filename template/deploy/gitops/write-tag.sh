#!/usr/bin/env bash
# Write an image's new tag into its manifest, in the repository that ArgoCD follows; a second time changes nothing.
#   NAME=shop-dev/shop:17 REGISTRY=… GITOPS_REPOSITORY=https://… GITOPS_TOKEN=… deploy/gitops/write-tag.sh
set -euo pipefail
: "${NAME:?}" "${REGISTRY:?}" "${GITOPS_REPOSITORY:?}"

image=${NAME%:*} tag=${NAME##*:}
path=apps/$image/${image##*/}.yaml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The token stays out of the address, and so out of every message.
export GIT_TERMINAL_PROMPT=0
git=(git -c credential.helper= -c "credential.helper=!f() { echo username=x-access-token; echo \"password=\$GITOPS_TOKEN\"; }; f")

for attempt in 1 2 3; do # somebody else may push in between
  rm -rf "$work/gitops"
  "${git[@]}" clone --quiet --depth 1 "$GITOPS_REPOSITORY" "$work/gitops"
  cd "$work/gitops"
  if [ ! -f "$path" ]; then
    echo "::error::$GITOPS_REPOSITORY has no $path: copy it from deploy/gitops" >&2
    exit 1
  fi
  sed -i "s|\(image: $REGISTRY/$image\):[^[:space:]]*\$|\1:$tag|" "$path"
  if git diff --quiet; then
    echo "$path has $tag already"
    exit 0
  fi
  git -c user.name=deployment -c user.email=deployment@localhost commit --quiet --all --message "$image $tag"
  if "${git[@]}" push --quiet; then
    echo "$path: $tag"
    exit 0
  fi
  echo "attempt $attempt was too late" >&2
done
exit 1
