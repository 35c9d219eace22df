#!/bin/sh
# Run a worker in the first free folder below $1 (1, 2, 3 …), with that number in its instance id.
#
# Workers of one compose service share a volume, but a worker needs a folder of its own, and finds its
# tables again only if it gets the same one after a restart. The lock ends with the worker, however
# that ends. $MOEBRIDGE_WORKER__INSTANCE_ID goes before the number: give machines with volumes of their
# own different ones.
set -eu
folder=${1:?the folder of the workers}

slot=1
while [ "$slot" -le 1000 ]; do
    exec 9>"$folder/$slot.lock"
    if flock --nonblock 9; then
        export MOEBRIDGE_WORKER__DATA_DIR="$folder/$slot"
        export MOEBRIDGE_WORKER__INSTANCE_ID="${MOEBRIDGE_WORKER__INSTANCE_ID:-worker}-$slot"
        exec moebridge worker
    fi
    slot=$((slot + 1))
done
echo "worker-in-slot: all 1000 folders below $folder are in use" >&2
exit 1
